package pdfium

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"
)

// errDied reports a child that ended without an answer.
var errDied = errors.New("pdfium: a child process died")

// maxFiles is after how many files a child is replaced, whatever it is like.
const maxFiles = 2000

// A child is one process. Only one goroutine at a time asks it.
type child struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    io.Reader
	stderr *head
	files  int
	ended  sync.Once
}

// startChild starts a process and waits until it is ready.
func startChild(ctx context.Context, conf Config) (*child, error) {
	cmd := exec.Command(conf.Command[0], conf.Command[1:]...) //nolint:noctx // its life is the pool's: child.end
	cmd.Env = []string{}
	cmd.SysProcAttr = attributes()
	c := &child{cmd: cmd, stderr: &head{}}
	cmd.Stderr = c.stderr
	var err error
	if c.in, err = cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("pdfium: start child: %w", err)
	}
	if c.out, err = cmd.StdoutPipe(); err != nil {
		return nil, fmt.Errorf("pdfium: start child: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("pdfium: start child: %w", err)
	}
	hello, err := c.greet(ctx, conf)
	if err != nil {
		c.end()
		return nil, fmt.Errorf("pdfium: start child %s: %w%s", conf.Command[0], err, c.stderr.suffix())
	}
	conf.Log.DebugContext(ctx, "pdfium: child is ready", "pid", cmd.Process.Pid, "sandbox", hello.Sandbox)
	if len(hello.Missing) > 0 {
		conf.Log.WarnContext(ctx, "pdfium: child runs with less confinement", "missing", hello.Missing)
	}
	return c, nil
}

func (c *child) greet(ctx context.Context, conf Config) (ready, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startDeadline, ErrTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, c.kill)()
	var hello ready
	err := writeFrame(c.in, greeting{CacheDir: conf.CacheDir, MemoryPages: conf.MemoryPages})
	if err == nil {
		_, err = readFrame(c.out, &hello)
	}
	switch {
	case ctx.Err() != nil:
		return ready{}, context.Cause(ctx)
	case err != nil:
		return ready{}, err
	case hello.Error != "":
		return ready{}, errors.New(hello.Error)
	}
	return hello, nil
}

// ask has the child read one file. It says whether the child can read another.
func (c *child) ask(ctx context.Context, deadline time.Duration, pdf []byte, want Want) (_ Report, usable bool, _ error) {
	ctx, cancel := context.WithTimeoutCause(ctx, deadline, ErrTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, c.kill)
	c.files++
	var answer reply
	err := writeFrame(c.in, want, pdf)
	var body []byte
	if err == nil {
		body, err = readFrame(c.out, &answer)
	}
	alive := stop() // false: it is being killed
	switch {
	case !alive && err != nil:
		return Report{}, false, context.Cause(ctx)
	case err != nil:
		c.end() // so that all it had to say is here
		return Report{}, false, fmt.Errorf("%w: %w%s", errDied, err, c.stderr.suffix())
	}
	alive = alive && c.files < maxFiles
	if answer.Code != "" {
		return Report{}, alive && answer.keepsChild(), answer.error()
	}
	if answer.Report == nil {
		return Report{}, false, fmt.Errorf("%w: an answer without a report", errDied)
	}
	if err := answer.Report.takeBlobs(body, answer.Decrypted); err != nil {
		return Report{}, false, err
	}
	return *answer.Report, alive, nil
}

// error returns the error that a reply stands for.
func (r reply) error() error {
	err, known := codes()[r.Code]
	if !known {
		err = ErrCrashed
	}
	return fmt.Errorf("%w (%s)", err, clip(r.Detail, 1000))
}

func (r reply) keepsChild() bool {
	return r.Code != "crashed" && r.Code != "memory"
}

// kill may be called at any time, by anybody, more than once.
func (c *child) kill() { _ = c.cmd.Process.Kill() }

// end kills the child and waits for its end. It may be called more than once.
func (c *child) end() {
	c.kill()
	c.ended.Do(func() { _ = c.cmd.Wait() }) // how it ended is known: it was killed
}

// A head keeps the first bytes of what is written to it.
type head struct {
	mu   sync.Mutex
	text []byte
}

// Write keeps p as far as there is room and drops the rest.
func (t *head) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p[:min(len(p), 2048-len(t.text))]...)
	return len(p), nil
}

func (t *head) suffix() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.text) == 0 {
		return ""
	}
	return ": " + clip(string(t.text), 300)
}
