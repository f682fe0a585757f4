//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/events/verify"
)

// A system is docsaga in several processes, in a directory of its own.
type system struct {
	dir, url string
	parts    map[string]*process
	stop     context.CancelFunc
	running  *errgroup.Group
}

// start starts all parts.
func start(ctx context.Context, dir string, s *scenario) (*system, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	inner, cancel := context.WithCancel(ctx)
	g := &errgroup.Group{}
	sys := &system{dir: dir, url: "nats://" + addr, parts: make(map[string]*process), stop: cancel, running: g}
	add := func(id, name string, args ...string) error {
		out, err := os.Create(filepath.Join(dir, id+".log")) //nolint:gosec // names are ours
		if err != nil {
			return err
		}
		p := &process{name: name, args: append([]string{"-dir", dir, "-url", sys.url}, args...), out: out}
		sys.parts[id] = p
		g.Go(func() error { return errors.Join(p.keep(inner), out.Close()) })
		return nil
	}
	err = add("broker", "broker", "-addr", addr, "-fault", s.fault)
	for _, name := range steps() {
		err = errors.Join(err, add(name, name, "-fault", s.fault))
	}
	for _, id := range []string{"coordinator-1", "coordinator-2"} {
		args := []string{"-fault", s.fault}
		if s.alone {
			args = append(args, "-alone")
		}
		err = errors.Join(err, add(id, "coordinator", args...))
	}
	if err != nil {
		sys.end()
		return nil, err
	}
	return sys, nil
}

func (s *system) end() {
	s.stop()
	_ = s.running.Wait() // they were told to end
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// verify lets docsaga check the log against the records.
func (s *system) verify(ctx context.Context, docsaga string, submitted []byte) (verify.Report, error) {
	var r verify.Report
	record, left := filepath.Join(s.dir, "submitted.jsonl"), filepath.Join(s.dir, "effects.jsonl")
	if err := os.WriteFile(record, submitted, 0o600); err != nil {
		return r, err
	}
	var all []string
	for _, step := range steps() {
		lines, err := effects(ctx, filepath.Join(s.dir, step+".db"))
		if err != nil {
			return r, fmt.Errorf("effects of %s: %w", step, err)
		}
		all = append(all, lines...)
	}
	if err := os.WriteFile(left, []byte(strings.Join(all, "\n")), 0o600); err != nil {
		return r, err
	}
	cmd := exec.CommandContext(ctx, docsaga, "verify", "--nats", s.url, "-o", "json",
		"--submitted", record, "--effects", left, "--effect-steps", strings.Join(steps(), ","), "--data", s.dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if jsonErr := json.Unmarshal(out, &r); jsonErr != nil {
		return r, errors.Join(err, jsonErr)
	}
	return r, os.WriteFile(filepath.Join(s.dir, "verified.json"), out, 0o600)
}
