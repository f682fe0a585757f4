//go:build linux

package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// scenarios are the faults.
func scenarios() []scenario {
	usual := []string{fateOK, fateOK, fateOK, fateReject, fateRetry, fateFail, fateCancel}
	return []scenario{
		{name: "none", fates: usual, reads: true, bitten: always},
		{name: "kill-worker", fates: usual, during: killing(300*time.Millisecond, "a", "b", "c")},
		{name: "kill-coordinator", fates: usual, during: killing(500*time.Millisecond, "coordinator-1", "coordinator-2")},
		{name: "kill-server", fates: usual, reads: true, during: killing(time.Second, "server")},
		{name: "kill-broker", fates: usual, reads: true, during: killing(1500*time.Millisecond, "broker")},
		{name: "kill-anything", fates: usual, during: killing(400*time.Millisecond, "a", "b", "c", "coordinator-1", "coordinator-2", "broker")},
		{name: "kill-leader-of-3", fates: usual, replicas: 3, during: killingLeaders},
		{name: "cut-leader-of-3", fates: usual, replicas: 3, during: cuttingLeaders(false)},
		{name: "cut-leader-one-way", fates: usual, replicas: 3, during: cuttingLeaders(true)},
		{name: "stop-leader-of-3", fates: usual, replicas: 3, during: pausingBrokers},
		{name: "crash-points", fates: usual, during: crashingEverywhere},
		{name: "stop-and-continue", fates: usual, during: pausing},
		{name: "lost-acks", fates: usual, fault: faultLostAcks, bitten: tallied},
		{name: "doubled-deliveries", fates: usual, fault: faultDoubled, bitten: tallied},
		{name: "consumer-deleted", fates: usual, during: deletingConsumers},
		{name: "setting-drifted", fates: usual, during: drifting},
		{name: "two-coordinators", fates: usual, alone: true, bitten: tallied},
		{name: "poison", fates: append(append(slices.Repeat([]string{fateOK}, 29), fatePoison), append(slices.Repeat([]string{fateOK}, 29), fateToxic)...), inTurn: true, documents: 240, reads: true, within: 10 * time.Second, bitten: deaths("a", "b")},
		{name: "undo-fails", fates: []string{fateOK, fateUndo, fateIncident}, documents: 700, bitten: func(t *trial) int { return t.client.redone }},
		{name: "late-success", fates: []string{fateOK, fateOK, fateOK, fateLate}, documents: 700, bitten: tallied},
		{name: "late-without-barrier", fates: []string{fateOK, fateOK, fateLate}, fault: faultPlain, documents: 300, bitten: tallied},
		{name: "database-locked", fates: usual, during: locking},
		{name: "postgres", fates: usual, postgres: true, prepare: needsPostgres, during: databaseFlaps},
		{name: "postgres-down", fates: usual, postgres: true, prepare: needsPostgres, during: databaseDown},
		{name: "clock-of-services", fates: usual, prepare: needsClock, during: settingClocks("a", "b", "c", "coordinator-1", "coordinator-2"), bitten: tallied},
		{name: "clock-of-broker", fates: usual, prepare: needsClock, during: settingBrokersClock, bitten: tallied},
		{name: "power-cut", fates: usual, prepare: ownDisk, during: cuttingPower},
		{name: "power-cut-relaxed", fates: usual, relaxed: true, loses: true, prepare: ownDisk, during: cuttingPowerOnce},
		{name: "disk-full", fates: usual, prepare: smallDisk, during: filling},
		{name: "overload", fates: usual, overload: true, reads: true, bitten: func(t *trial) int { return t.client.refused }},
		{name: "all-down", fates: usual, during: allDown},
	}
}

func always(*trial) int { return 1 }

func tallied(t *trial) int { return tally{t.sys.dir}.count() }

func deaths(names ...string) func(*trial) int {
	return func(t *trial) int {
		n := 0
		for _, name := range names {
			n += t.sys.parts[name].died()
		}
		return n
	}
}

// wait waits, and reports false if ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// killing kills one of the named processes, about as often as said.
func killing(every time.Duration, names ...string) func(context.Context, *trial) int {
	return func(ctx context.Context, t *trial) int {
		n := 0
		for wait(ctx, every/2+time.Duration(t.rng.Int64N(int64(every)))) {
			if t.sys.parts[names[t.rng.IntN(len(names))]].signal(syscall.SIGKILL) {
				n++
			}
		}
		return n
	}
}

// pausing stops a worker for longer than what it holds is waited for.
func pausing(ctx context.Context, t *trial) int {
	n := 0
	for {
		p := t.sys.parts[steps()[t.rng.IntN(3)]]
		stopped := p.signal(syscall.SIGSTOP)
		more := wait(ctx, ackWait+ackWait/2)
		if p.signal(syscall.SIGCONT) && stopped {
			n++
		}
		if !more || !wait(ctx, 300*time.Millisecond) {
			return n
		}
	}
}

// deletingConsumers takes the place of a service's queue away.
func deletingConsumers(ctx context.Context, t *trial) int {
	nc, err := connect(t.sys.url)
	if err != nil {
		return 0
	}
	defer nc.Close()
	n := 0
	for wait(ctx, 500*time.Millisecond) {
		if _, err := nc.Request(consumerOf(t.rng.IntN(shards), steps()[t.rng.IntN(3)]), nil, time.Second); err == nil {
			n++
		}
	}
	return n
}

// consumerOf returns where the deletion of a service's queue is asked for.
func consumerOf(shard int, step string) string {
	return fmt.Sprintf("$JS.API.CONSUMER.DELETE.DOCSAGA_%d.%s", shard, step)
}

// drifting changes a setting of a stream, which doctor must notice, and
// changes it back.
func drifting(ctx context.Context, t *trial) int {
	nc, err := connect(t.sys.url)
	if err != nil {
		return 0
	}
	defer nc.Close()
	n := 0
	for wait(ctx, 300*time.Millisecond) {
		if !drift(nc, 0, true) {
			continue
		}
		out, err := exec.CommandContext(context.WithoutCancel(ctx), t.docsaga, "doctor", "--nats", t.sys.url).CombinedOutput()
		if err != nil && len(out) > 0 {
			n++
		}
		for !drift(nc, 0, false) {
			<-time.After(100 * time.Millisecond)
		}
	}
	return n
}

// locking keeps the database of b to itself for a while.
func locking(ctx context.Context, t *trial) int {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.sys.dir, "b.db")+"?_txlock=immediate&_pragma=busy_timeout(10000)")
	if err != nil {
		return 0
	}
	defer db.Close() //nolint:errcheck // nothing was written
	n := 0
	for wait(ctx, 500*time.Millisecond) {
		tx, err := db.BeginTx(context.WithoutCancel(ctx), nil)
		if err != nil {
			continue
		}
		n++
		wait(ctx, 3*time.Second)
		_ = tx.Rollback() // it wrote nothing
	}
	return n
}

// allDown stops all services and coordinators for most of the time.
func allDown(ctx context.Context, t *trial) int {
	n := 0
	for id, p := range t.sys.parts {
		if id != "broker" && p.down() {
			n++
		}
	}
	<-ctx.Done()
	for _, p := range t.sys.parts {
		p.up()
	}
	return n
}

// smallDisk puts the broker's directory on a disk of its own.
func smallDisk(dir string) (func(), error) {
	path := filepath.Join(dir, "nats")
	if err := os.Mkdir(path, 0o700); err != nil {
		return nil, err
	}
	if err := syscall.Mount("tmpfs", path, "tmpfs", 0, "size=128m"); err != nil {
		return nil, fmt.Errorf("a small disk needs the right to mount one: %w", err)
	}
	return func() { _ = syscall.Unmount(path, syscall.MNT_DETACH) }, nil
}

// filling fills the broker's disk for a while, frees it, and starts the broker
// again, for one whose disk was full answers no more.
func filling(ctx context.Context, t *trial) int {
	wait(ctx, time.Second)
	n := 0
	path := filepath.Join(t.sys.dir, "nats", "filler")
	if f, err := os.Create(path); err == nil {
		block := make([]byte, 1<<16)
		for err == nil {
			if _, err = f.Write(block); err != nil && len(block) > 1 {
				block, err = block[:len(block)/2], nil
			}
		}
		n++
		_ = f.Close() // it could not all be written
	}
	wait(ctx, 3*time.Second)
	if os.Remove(path) != nil || !t.sys.parts["broker"].signal(syscall.SIGKILL) {
		return 0
	}
	<-ctx.Done()
	return n
}
