package pdfium

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
)

// WorkerCommand is the argument with which a program starts itself as a child
// of a [Pool]; its main then calls [Worker].
const WorkerCommand = "pdfium-worker"

// Worker is the main of a child process: it reads requests from in and writes
// replies to out until in ends, which is how the parent stops it. It gives up
// the file system, the network and what else the kernel lets it give up
// before it takes the first file, so it must be alone in its process. It
// returns nil at the end of in.
//
// If in ends while a file is being read, the parent is gone and Worker ends
// the whole process with exit code 3.
func Worker(ctx context.Context, in io.Reader, out io.Writer) error {
	var hello greeting
	if _, err := readFrame(in, &hello); err != nil {
		return err
	}
	engine, err := newEngine(ctx, hello.CacheDir, hello.MemoryPages)
	if err != nil {
		return errors.Join(err, writeFrame(out, ready{Error: err.Error()}))
	}
	held, missing := confine(hello.MemoryPages)
	if err := writeFrame(out, ready{Sandbox: held, Missing: missing}); err != nil {
		return err
	}
	requests := make(chan request)
	stopped := make(chan struct{})
	defer close(stopped)
	go receive(in, requests, stopped) // ends with in, which ends with the process
	for r := range requests {
		if r.err != nil {
			return r.err
		}
		if err := serve(engine, r, out); err != nil {
			return err
		}
		r.done <- struct{}{}
	}
	return nil
}

type request struct {
	want Want
	pdf  []byte
	err  error
	done chan struct{} // capacity 1; takes a value when the reply is written
}

// receive reads one request after another. It is always reading, so that it
// sees the end of in even while a file is being read.
func receive(in io.Reader, requests chan<- request, stopped <-chan struct{}) {
	defer close(requests)
	var busy chan struct{}
	for {
		r := request{done: make(chan struct{}, 1)}
		r.pdf, r.err = readFrame(in, &r.want)
		if errors.Is(r.err, io.EOF) {
			if busy != nil && len(busy) == 0 {
				os.Exit(3) // nobody waits for the answer, and pdfium cannot be interrupted
			}
			return
		}
		select {
		case requests <- r:
		case <-stopped:
			return
		}
		if r.err != nil {
			return
		}
		busy = r.done
	}
}

// serve answers one request. An error means that the process must end.
func serve(e *engine, r request, out io.Writer) error {
	report, err := e.inspect(r.pdf, r.want)
	var writeErr error
	if err == nil {
		writeErr = writeFrame(out, reply{Report: &report, Decrypted: len(report.Decrypted)}, report.blobs()...)
		if errors.Is(writeErr, ErrTooLarge) {
			err = writeErr
		}
	}
	if err != nil {
		writeErr = writeFrame(out, reply{Code: codeOf(err), Detail: clip(err.Error(), 1000)})
	}
	if writeErr != nil {
		return writeErr
	}
	if errors.Is(err, ErrCrashed) || errors.Is(err, ErrMemory) {
		return fmt.Errorf("pdfium: instance is broken: %w", err)
	}
	e.release()
	if err := e.prepare(); err != nil {
		slog.Error("pdfium: no new instance", "error", err)
		return err
	}
	return nil
}
