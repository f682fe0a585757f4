//go:build linux

package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/events/verify"
	"github.com/docsaga/docsaga/test/ports"
)

// A system is docsaga in several processes, in a directory of its own.
type system struct {
	dir, url string
	parts    map[string]*process
	stop     context.CancelFunc
	running  *errgroup.Group
	cluster  *cluster  // nil if there is one broker
	database *database // nil if effects are in files
	server   string    // URL of docsaga's server; empty if there is none
	docsaga  string
}

// adding adds a part of a system: its id, what it is, and what it is told.
type adding func(id, name string, args ...string) error

// start starts all parts.
func start(ctx context.Context, dir string, s *scenario, docsaga string) (*system, error) {
	inner, cancel := context.WithCancel(ctx)
	sys := &system{dir: dir, parts: make(map[string]*process), stop: cancel, running: &errgroup.Group{}, docsaga: docsaga}
	if err := sys.start(inner, s); err != nil {
		sys.end() //nolint:contextcheck // it outlives ctx
		return nil, err
	}
	return sys, nil
}

func (s *system) start(ctx context.Context, sc *scenario) (err error) {
	keep := func(id string, p *process) error {
		if p.out, err = os.Create(filepath.Join(s.dir, id+".log")); err != nil { //nolint:gosec // names are ours
			return err
		}
		s.parts[id] = p
		s.running.Go(func() error { return errors.Join(p.keep(ctx), p.out.Close()) })
		return nil
	}
	add := func(id, name string, args ...string) error {
		told := append([]string{"role", name, "-dir", s.dir, "-url", s.url, "-id", id}, args...)
		return keep(id, &process{args: told})
	}
	if sc.postgres {
		if s.database, err = openDatabase(ctx, s.dir); err != nil {
			return err
		}
	}
	if err := s.startBrokers(sc, add); err != nil {
		return err
	}
	for _, name := range steps() {
		err = errors.Join(err, add(name, name, "-fault", sc.fault))
	}
	for _, id := range []string{"coordinator-1", "coordinator-2"} {
		args := []string{"-fault", sc.fault}
		if sc.alone {
			args = append(args, "-alone")
		}
		err = errors.Join(err, add(id, "coordinator", args...))
	}
	if err != nil || !sc.reads {
		return err
	}
	return s.startServer(keep)
}

func (s *system) startBrokers(sc *scenario, add adding) error {
	if sc.replicas > 1 {
		return s.startCluster(sc, add)
	}
	addr, err := ports.Free()
	if err != nil {
		return err
	}
	s.url = "nats://" + addr
	args := []string{"-addr", addr, "-fault", sc.fault}
	if sc.relaxed {
		args = append(args, "-relaxed")
	}
	return add("broker", "broker", args...)
}

// startServer starts docsaga's own server, with projections and the API.
func (s *system) startServer(keep func(id string, p *process) error) error {
	addr, err := ports.Free()
	if err != nil {
		return err
	}
	s.server = "http://" + addr
	return keep("server", &process{program: s.docsaga, args: []string{
		"server", "--nats", s.url, "--data", s.serverDir(), "--http", addr, "--max-waiting", "300",
	}})
}

func (s *system) serverDir() string { return filepath.Join(s.dir, "server") }

func (s *system) end() {
	s.stop()
	_ = s.running.Wait() // they were told to end
	if s.cluster != nil {
		s.cluster.close()
	}
	if s.database != nil {
		if err := s.database.Close(); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, "PostgreSQL is left with a schema:", err)
		}
	}
}

// verify lets docsaga check the log against the records.
func (s *system) verify(ctx context.Context, docsaga string, submissions, reads []byte) (verify.Report, error) {
	var r verify.Report
	left, err := s.effects(ctx)
	if err != nil {
		return r, err
	}
	args := []string{"verify", "--nats", s.url, "-o", "json", "--effect-steps", strings.Join(steps(), ","), "--data", s.dir}
	for flag, record := range map[string][]byte{"submitted": submissions, "effects": left, "reads": reads} {
		if flag == "reads" && s.server == "" {
			continue
		}
		path := filepath.Join(s.dir, flag+".jsonl")
		if err := os.WriteFile(path, record, 0o600); err != nil {
			return r, err
		}
		args = append(args, "--"+flag, path)
	}
	if s.server != "" {
		args = append(args, "--status", filepath.Join(s.serverDir(), "status.db"))
	}
	cmd := exec.CommandContext(ctx, docsaga, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if jsonErr := json.Unmarshal(out, &r); jsonErr != nil {
		return r, errors.Join(err, jsonErr)
	}
	return r, os.WriteFile(filepath.Join(s.dir, "verified.json"), out, 0o600)
}

// effects returns the effects that exist, as lines of JSON.
func (s *system) effects(ctx context.Context) ([]byte, error) {
	var all []string
	take := func(driver, where string) error {
		db, err := sql.Open(driver, where)
		if err != nil {
			return err
		}
		found, err := effects(ctx, db)
		all = append(all, found...)
		return errors.Join(err, db.Close())
	}
	if s.database != nil {
		err := take("pgx", s.database.direct)
		return []byte(strings.Join(all, "\n")), err
	}
	for _, step := range steps() {
		if err := take("sqlite", "file:"+filepath.Join(s.dir, step+".db")+"?_pragma=busy_timeout(10000)"); err != nil {
			return nil, fmt.Errorf("effects of %s: %w", step, err)
		}
	}
	return []byte(strings.Join(all, "\n")), nil
}
