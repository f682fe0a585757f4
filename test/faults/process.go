//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"
)

// A process is a part of the system, started again when it dies.
type process struct {
	program string // default this one
	args    []string
	first   []string // further arguments of its next start only
	out     *os.File

	mu     sync.Mutex
	pid    int
	starts int
	hold   bool // it is not to be started again for now
}

// keep runs the process until ctx ends.
func (p *process) keep(ctx context.Context) error {
	// The kernel kills a child when the thread that started it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	program := p.program
	if program == "" {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		program = self
	}
	for ctx.Err() == nil {
		p.mu.Lock()
		hold := p.hold
		p.mu.Unlock()
		if !hold {
			p.once(ctx, program)
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

func (p *process) once(ctx context.Context, program string) {
	p.mu.Lock()
	args := append(slices.Clone(p.args), p.first...)
	p.first = nil
	p.mu.Unlock()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = p.out, p.out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 15 * time.Second
	if err := cmd.Start(); err != nil {
		_, _ = fmt.Fprintln(p.out, "start:", err)
		return
	}
	p.mu.Lock()
	p.pid = cmd.Process.Pid
	p.starts++
	p.mu.Unlock()
	err := cmd.Wait()
	p.mu.Lock()
	p.pid = 0
	p.mu.Unlock()
	_, _ = fmt.Fprintln(p.out, "ended:", err)
}

// signal sends a signal, and reports whether there was a process to get it.
func (p *process) signal(s syscall.Signal) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pid != 0 && syscall.Kill(p.pid, s) == nil
}

// next gives the next start, and no other, further arguments. It returns how
// often the process has died.
func (p *process) next(args ...string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.first = args
	return max(0, p.starts-1)
}

// down kills the process and keeps it from coming back, until up.
func (p *process) down() bool {
	p.mu.Lock()
	p.hold = true
	p.mu.Unlock()
	return p.signal(syscall.SIGKILL)
}

func (p *process) up() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hold = false
}

// died returns how often the process had to be started again.
func (p *process) died() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(0, p.starts-1)
}
