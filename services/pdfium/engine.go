package pdfium

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	gopdfium "github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// DefaultMemoryPages is the WebAssembly memory of one file, in pages of
// 64 KiB, that a [Config] without its own has.
const DefaultMemoryPages = 4096

// An engine is pdfium in WebAssembly. It has one instance of the module ready
// and gives each file a fresh one, so that no file sees what another has left.
type engine struct {
	pool  gopdfium.Pool
	arena *arena
	warm  gopdfium.Pdfium
}

// newEngine compiles the module, or reads it from the cache in dir if dir is
// not empty.
func newEngine(ctx context.Context, dir string, memoryPages uint32) (*engine, error) {
	conf := wazero.NewRuntimeConfig().
		WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling).
		WithMemoryLimitPages(65536)
	if dir != "" {
		cache, err := wazero.NewCompilationCacheWithDir(dir)
		if err != nil {
			return nil, fmt.Errorf("pdfium: compilation cache: %w", err)
		}
		conf = conf.WithCompilationCache(cache)
	}
	if memoryPages == 0 {
		memoryPages = DefaultMemoryPages
	}
	mem := &arena{limit: uint64(memoryPages) << 16}
	pool, err := webassembly.Init(webassembly.Config{
		Context:       experimental.WithMemoryAllocator(ctx, mem),
		MaxIdle:       1,
		MaxTotal:      2,
		FSConfig:      wazero.NewFSConfig(), // nothing of the host
		RuntimeConfig: conf,
		Stdout:        io.Discard,
		Stderr:        io.Discard,
		RandomSource:  zeros{}, // the same file gives the same report
	})
	if err != nil {
		return nil, fmt.Errorf("pdfium: start: %w", err)
	}
	e := &engine{pool: pool, arena: mem}
	return e, e.prepare()
}

// prepare gets the instance for the next file.
func (e *engine) prepare() error {
	instance, err := e.pool.GetInstance(30 * time.Second)
	if err != nil {
		return fmt.Errorf("pdfium: new instance: %w", err)
	}
	e.arena.refused.Store(false)
	e.warm = instance
	return nil
}

// inspect reads one file. After ErrMemory and ErrCrashed the engine must not
// be used again.
func (e *engine) inspect(pdf []byte, want Want) (report Report, err error) {
	instance := e.warm
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %.500v", ErrCrashed, p)
		}
		if err != nil && e.arena.refused.Load() && codeOf(err) == "crashed" {
			err = fmt.Errorf("%w: %s", ErrMemory, firstLine(err))
		}
	}()
	s := &session{pdfium: instance, want: want.withDefaults()}
	if err := s.open(pdf); err != nil {
		return Report{}, err
	}
	if err := s.read(); err != nil {
		return Report{}, err
	}
	if e.arena.refused.Load() {
		s.fault("memory", errors.New("the limit was reached, parts may be missing"))
	}
	return s.report, nil
}

// release drops the instance that the last file was read with. It does not
// let pdfium close the document, which for some forms never ends: the memory
// of the module goes as a whole.
func (e *engine) release() {
	if e.warm != nil {
		_ = e.warm.Kill() // its memory is freed whatever it answers
		e.warm = nil
	}
}

type zeros struct{}

// Read fills p with zeros.
func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
