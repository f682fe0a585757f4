package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// A child is a process of this program that is started again when it dies.
type child struct {
	name string
	args []string
	out  io.Writer // gets its output, each line with its name before it
	log  *slog.Logger
}

const (
	childPause    = 200 * time.Millisecond // before it is started again
	childMaxPause = 5 * time.Second
	childDrain    = 15 * time.Second // to finish its work when asked to stop
	// childLastWords is how long what a process said is waited for when it has
	// ended: it lies in the pipe, unless another process holds that open.
	childLastWords = 2 * time.Second
)

// keep runs the child until ctx ends, and returns nil then.
func (c child) keep(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	pause := childPause
	for ctx.Err() == nil {
		started := time.Now()
		err := c.run(ctx, self)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was stopped
		}
		if time.Since(started) > time.Minute {
			pause = childPause
		}
		c.log.Warn("process ended; it is started again", "name", c.name, "error", err, "after", pause)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, childMaxPause)
	}
	return nil
}

func (c child) run(ctx context.Context, self string) error {
	// The kernel signals a child when the thread that started it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, self, c.args...)
	cmd.SysProcAttr = childAttributes()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = childDrain
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	cmd.Stdout, cmd.Stderr = write, write
	if err := cmd.Start(); err != nil {
		_, _ = read.Close(), write.Close()
		return fmt.Errorf("%s: %w", c.name, err)
	}
	_ = write.Close()
	_, _ = fmt.Fprintf(c.out, "%s: process %d\n", c.name, cmd.Process.Pid)
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		c.copyLines(read)
	}()
	err = cmd.Wait()
	select {
	case <-copied: // all that it has said
	case <-time.After(childLastWords): // a process of its own holds the pipe still
	}
	_ = read.Close()
	<-copied
	return err
}

// mostLine is how much of a line is kept together.
const mostLine = 64 << 10

// copyLines writes what is read with the name before each line, and before each
// part of a longer one.
func (c child) copyLines(r io.Reader) {
	for lines := bufio.NewReaderSize(r, mostLine); ; {
		line, err := lines.ReadSlice('\n')
		if len(line) > 0 {
			_, _ = fmt.Fprintf(c.out, "%s: %s\n", c.name, bytes.TrimSuffix(line, []byte("\n"))) // nobody reads
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}
