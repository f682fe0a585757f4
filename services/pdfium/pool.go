package pdfium

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"time"
)

// Config adjusts a [Pool]. Only Command has no default.
type Config struct {
	// Command starts a child: a program that calls [Worker], and its
	// arguments. For the program itself it is {os.Executable(), WorkerCommand}.
	Command []string

	Size        int           // children; default 2
	MemoryPages uint32        // WebAssembly memory of one file, in pages of 64 KiB; default 4096 (256 MiB)
	CacheDir    string        // keeps the compiled module between runs; default a temporary one
	Deadline    time.Duration // of one file; default 20 seconds
	Log         *slog.Logger  // default slog.Default()
}

// The time that a child has to start, compiling included.
const startDeadline = 2 * time.Minute

// A Pool reads PDFs in child processes. [Pool.Run] must be running.
type Pool struct {
	conf    Config
	idle    chan *child
	broken  chan *child
	stopped chan struct{}
}

// New returns a pool that has no children yet.
func New(conf Config) (*Pool, error) {
	switch {
	case len(conf.Command) == 0:
		return nil, errors.New("pdfium: no command to start children with")
	case conf.Size < 0, conf.Deadline < 0:
		return nil, errors.New("pdfium: size and deadline must not be negative")
	case conf.MemoryPages != 0 && (conf.MemoryPages < 512 || conf.MemoryPages > 65536):
		return nil, fmt.Errorf("pdfium: %d memory pages: want 512 to 65536", conf.MemoryPages)
	}
	if conf.Size == 0 {
		conf.Size = 2
	}
	if conf.MemoryPages == 0 {
		conf.MemoryPages = DefaultMemoryPages
	}
	if conf.Deadline == 0 {
		conf.Deadline = 20 * time.Second
	}
	if conf.Log == nil {
		conf.Log = slog.Default()
	}
	return &Pool{
		conf:    conf,
		idle:    make(chan *child, conf.Size),
		broken:  make(chan *child, conf.Size),
		stopped: make(chan struct{}),
	}, nil
}

// Run keeps the children alive until ctx ends, and then kills them and waits
// for their end. It returns the cause of ctx, or an error if the first child
// cannot be started. It may be called once.
func (p *Pool) Run(ctx context.Context) error {
	// The kernel kills the children when the thread that started them ends,
	// so this one stays what it is.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if p.conf.CacheDir == "" {
		dir, err := os.MkdirTemp("", "docsaga-pdfium-")
		if err != nil {
			return fmt.Errorf("pdfium: temporary cache: %w", err)
		}
		defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
		p.conf.CacheDir = dir
	}
	children := make(map[*child]bool)
	defer func() {
		close(p.stopped)
		for c := range children {
			c.end()
		}
	}()
	for len(children) < p.conf.Size {
		c, err := startChild(ctx, p.conf)
		if err != nil {
			return err
		}
		children[c] = true
		p.idle <- c
	}
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case c := <-p.broken:
			c.end()
			delete(children, c)
			if c = p.replace(ctx); c == nil {
				return context.Cause(ctx)
			}
			children[c] = true
			p.idle <- c
		}
	}
}

// replace starts a child, trying until it succeeds. It returns nil if ctx ends.
func (p *Pool) replace(ctx context.Context) *child {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 30*time.Second) {
		c, err := startChild(ctx, p.conf)
		if err == nil {
			return c
		}
		if ctx.Err() != nil {
			return nil
		}
		p.conf.Log.ErrorContext(ctx, "pdfium: cannot start a child, trying again", "error", err, "wait", wait)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// Inspect reads one file in a child. It waits for a free child as long as ctx
// lets it; the deadline of the pool counts from then. It returns one of the
// errors of this package, or the cause of ctx.
func (p *Pool) Inspect(ctx context.Context, pdf []byte, want Want) (Report, error) {
	if len(pdf) > maxBody {
		return Report{}, fmt.Errorf("pdfium: inspect %d bytes: %w", len(pdf), ErrTooLarge)
	}
	report, err := p.inspect(ctx, pdf, want)
	if errors.Is(err, errDied) {
		// It may have been killed by something else than the file.
		report, err = p.inspect(ctx, pdf, want)
	}
	if errors.Is(err, errDied) {
		err = fmt.Errorf("%w: %w", ErrCrashed, err)
	}
	return report, err
}

func (p *Pool) inspect(ctx context.Context, pdf []byte, want Want) (Report, error) {
	var c *child
	select {
	case c = <-p.idle:
	case <-p.stopped:
		return Report{}, ErrStopped
	case <-ctx.Done():
		return Report{}, fmt.Errorf("pdfium: wait for a child: %w", context.Cause(ctx))
	}
	started := time.Now()
	report, usable, err := c.ask(ctx, p.conf.Deadline, pdf, want)
	if usable {
		p.idle <- c
		return report, err
	}
	select {
	case <-p.stopped:
		return Report{}, ErrStopped
	default:
	}
	p.conf.Log.WarnContext(ctx, "pdfium: child is replaced", "error", err, "after", time.Since(started), "bytes", len(pdf))
	p.broken <- c
	return report, err
}
