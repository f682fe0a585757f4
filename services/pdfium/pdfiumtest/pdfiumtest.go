// Package pdfiumtest gives tests a [pdfium.Pool] whose children are the test
// binary itself, so that nothing has to be built first.
package pdfiumtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/docsaga/docsaga/services/pdfium"
)

// Main is the TestMain of a package whose tests use [Pool]:
//
//	func TestMain(m *testing.M) { pdfiumtest.Main(m) }
//
// It runs the tests, or a child if the process was started as one.
func Main(m *testing.M) {
	RunChild()
	os.Exit(m.Run())
}

// RunChild ends the process as a child if it was started as one, and returns
// otherwise. It is for a package that has a TestMain of its own.
func RunChild() {
	if len(os.Args) < 2 || os.Args[1] != pdfium.WorkerCommand {
		return
	}
	if err := pdfium.Worker(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Config returns a configuration whose children are the test binary.
func Config(tb testing.TB) pdfium.Config {
	tb.Helper()
	executable, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	conf := pdfium.Config{Command: []string{executable, pdfium.WorkerCommand}, Size: 1}
	if dir, err := os.UserCacheDir(); err == nil {
		conf.CacheDir = filepath.Join(dir, "docsaga-test", "pdfium")
	}
	return conf
}

// Pool returns a pool that runs until the test ends. A zero conf stands for
// [Config].
func Pool(tb testing.TB, conf pdfium.Config) *pdfium.Pool {
	tb.Helper()
	if len(conf.Command) == 0 {
		conf = Config(tb)
	}
	pool, err := pdfium.New(conf)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- pool.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			tb.Errorf("pool ended with %v", err)
		}
	})
	return pool
}
