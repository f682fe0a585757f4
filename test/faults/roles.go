//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go" //nolint:depguard // the connection of the broker itself
	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/coordinator"
	"github.com/docsaga/docsaga/events/anchor"
	"github.com/docsaga/docsaga/events/feed"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/natslog/embedded"
	"github.com/docsaga/docsaga/saga/catalog"
	"github.com/docsaga/docsaga/services/runner"
)

const (
	// ackWait is short, so that what a dead worker held comes again soon.
	ackWait = 2 * time.Second
	// lateBy is longer than the deadline of b.
	lateBy = 5 * time.Second
	shards = 2
)

// flow draws a, b and c in a row, each undone by itself.
func flow() []byte {
	var tasks, edges strings.Builder
	last := "start"
	for _, s := range steps() {
		deadline, retries := "PT30S", "5"
		switch s {
		case "a":
			retries = "2"
		case "b":
			deadline = "PT4S"
		}
		_, _ = fmt.Fprintf(&tasks, `
    <serviceTask id="%[1]s"><extensionElements><z:taskDefinition type="%[1]s" retries="%[3]s"/>
      <z:taskHeaders><z:header key="timeout" value="%[2]s"/></z:taskHeaders></extensionElements></serviceTask>
    <boundaryEvent id="b_%[1]s" attachedToRef="%[1]s"><compensateEventDefinition/></boundaryEvent>
    <serviceTask id="u_%[1]s" isForCompensation="true"><extensionElements><z:taskDefinition type="%[1]s"/></extensionElements></serviceTask>
    <association id="a_%[1]s" sourceRef="b_%[1]s" targetRef="u_%[1]s" associationDirection="One"/>`, s, deadline, retries)
		_, _ = fmt.Fprintf(&edges, `<sequenceFlow id="to_%[2]s" sourceRef="%[1]s" targetRef="%[2]s"/>`, last, s)
		last = s
	}
	return []byte(`<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:z="http://camunda.org/schema/zeebe/1.0" targetNamespace="t">
  <process id="abc" isExecutable="true"><startEvent id="start"/>` + tasks.String() + edges.String() + `<endEvent id="end"/>
    <sequenceFlow id="to_end" sourceRef="` + last + `" targetRef="end"/></process></definitions>`)
}

func steps() []string { return []string{"a", "b", "c"} }

// A part is what a process of the system is told.
type part struct {
	dir, url, addr string
	fault          string
	crash          string
	alone          bool   // a coordinator that asks for no leases
	id             string // of the part in its system
	relaxed        bool   // a broker that does not sync each write
	cluster        string // where a broker of several listens for the others
	routes         string // of the others, with commas between
}

// role is what the program does as a process of the system.
func role(ctx context.Context, name string, args []string) error {
	var p part
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.StringVar(&p.dir, "dir", "", "")
	f.StringVar(&p.url, "url", "", "")
	f.StringVar(&p.addr, "addr", "", "")
	f.StringVar(&p.fault, "fault", "", "")
	f.StringVar(&p.crash, "crash", "", "")
	f.BoolVar(&p.alone, "alone", false, "")
	f.StringVar(&p.id, "id", name, "")
	f.BoolVar(&p.relaxed, "relaxed", false, "")
	f.StringVar(&p.cluster, "cluster", "", "")
	f.StringVar(&p.routes, "routes", "", "")
	if err := f.Parse(args); err != nil {
		return err
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if clockShifts {
		go followClock(ctx, p.dir, p.id) // until the process ends
	}
	switch name {
	case "broker":
		return p.broker(ctx)
	case "coordinator":
		return p.coordinator(ctx)
	}
	return p.worker(ctx, name)
}

// broker keeps the log, and its anchor if it keeps it alone.
func (p *part) broker(ctx context.Context) error {
	file := filepath.Join(p.dir, "anchor.json")
	s, err := embedded.Start(p.brokerConfig(file))
	if errors.Is(err, anchor.ErrDamaged) {
		tally{p.dir}.add() // as it must, on a log that is shorter than its anchor
	}
	if err != nil {
		return err
	}
	defer s.Stop()
	nc, err := s.Connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	if p.cluster != "" && p.id != brokerName(0) {
		<-ctx.Done() // the first one makes the log
		return nil
	}
	log, err := p.makeLog(ctx, nc)
	if err != nil {
		return err
	}
	if p.cluster != "" {
		<-ctx.Done()
		return nil
	}
	a, err := anchor.Open(file)
	if err != nil {
		return err
	}
	g, inner := errgroup.WithContext(ctx)
	g.Go(func() error { return a.Run(inner) })
	g.Go(func() error { return feed.Run(inner, log, a) })
	return g.Wait()
}

func (p *part) brokerConfig(file string) embedded.Config {
	conf := embedded.Config{Dir: filepath.Join(p.dir, "nats"), Addr: p.addr, Durability: natslog.Strict}
	if p.relaxed {
		conf.Durability = natslog.Relaxed
	}
	if p.cluster != "" {
		// Others are told of an address at which nobody is, so that they talk by
		// the routes that they are given, and no other.
		conf.Dir, conf.ServerName = filepath.Join(p.dir, p.id), p.id
		conf.Cluster = &embedded.Cluster{Name: "faults", Addr: p.cluster, Advertise: "127.0.0.1:1"}
		if p.routes != "" {
			conf.Cluster.Routes = strings.Split(p.routes, ",")
		}
		return conf
	}
	conf.Before = func(dir string) error {
		_, err := anchor.Check(dir, file)
		return err
	}
	return conf
}

// makeLog makes the log and deploys the definition, if they are not there; of
// several brokers, as soon as they have agreed on who leads.
func (p *part) makeLog(ctx context.Context, nc *nats.Conn) (*natslog.Log, error) {
	conf := natslog.Config{Shards: shards}
	if p.cluster != "" {
		conf.Replicas = 3
	}
	if p.relaxed {
		conf.Durability = natslog.Relaxed
	}
	for {
		attempt, cancel := context.WithTimeout(ctx, 20*time.Second)
		err := natslog.Provision(attempt, nc, conf)
		var log *natslog.Log
		if err == nil {
			log, err = natslog.Open(attempt, nc, natslog.Options{AckWait: ackWait})
		}
		if err == nil {
			_, err = catalog.Deploy(attempt, log, flow())
		}
		cancel()
		if err == nil || p.cluster == "" {
			return log, err
		}
		slog.Warn("the log is not there yet", "error", err)
		if !wait(ctx, 200*time.Millisecond) {
			return nil, ctx.Err()
		}
	}
}

// open connects to the log, as long as that takes.
func (p *part) open(ctx context.Context, name string) (*natslog.Log, func(), error) {
	for {
		if nc, err := natslog.Connect(p.url, natslog.ConnectOptions{Name: name}); err == nil {
			if log, err := natslog.Open(ctx, nc, natslog.Options{AckWait: ackWait}); err == nil {
				return log, nc.Close, nil
			}
			nc.Close()
		}
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (p *part) worker(ctx context.Context, name string) error {
	crash, err := parseCrash(p.crash)
	if err != nil {
		return err
	}
	s, err := openService(ctx, p.dir, name, crash)
	if err != nil {
		return err
	}
	s.fault = p.fault
	defer s.db.Close() //nolint:errcheck // at the end of the process
	log, done, err := p.open(ctx, name)
	if err != nil {
		return err
	}
	defer done()
	l := withBug(&faulty{Log: log, fault: p.fault, crash: crash, bites: tally{p.dir}})
	r, err := runner.New(name, s, l, catalog.New(log), runner.Config{Concurrency: 128, Backoff: 100 * time.Millisecond, Timeout: 2 * lateBy})
	if err != nil {
		return err
	}
	return r.Run(ctx)
}

func (p *part) coordinator(ctx context.Context) error {
	crash, err := parseCrash(p.crash)
	if err != nil {
		return err
	}
	log, done, err := p.open(ctx, "coordinator")
	if err != nil {
		return err
	}
	defer done()
	l := withBug(&faulty{Log: log, fault: p.fault, crash: crash, bites: tally{p.dir}})
	c, err := coordinator.New(l, catalog.New(log), log.Snapshots(), coordinator.Config{Poll: 50 * time.Millisecond, SnapshotEvery: 200})
	if err != nil {
		return err
	}
	g, inner := errgroup.WithContext(ctx)
	g.Go(func() error { return c.Run(inner) })
	if p.alone {
		g.Go(func() error { return feed.Run(inner, l, c) })
		return g.Wait()
	}
	leases, err := log.Leases(ctx, rand.Text()[:16])
	if err != nil {
		return err
	}
	g.Go(func() error { return c.Share(inner, l, leases) })
	return g.Wait()
}
