//go:build linux

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The clock of a process can be set in a build whose package time has a
// function for it; see shift/main.go. What is shifted is what time.Now says,
// in docsaga and in all that it is built from, the broker too. The monotonic
// clock goes on, as it does when a machine's clock is set: timers, deadlines
// of the network and durations between two moments are not shifted.

var errNoClock = errors.New("clocks are set only in a build that make faults makes")

// clockFile says by how many seconds the clock of a process is wrong.
func clockFile(dir, id string) string { return filepath.Join(dir, "clock-"+id) }

// followClock sets this process's clock as its file says, until ctx ends.
func followClock(ctx context.Context, dir, id string) {
	now := int64(0)
	for wait(ctx, 20*time.Millisecond) {
		raw, err := os.ReadFile(clockFile(dir, id))
		if err != nil {
			continue
		}
		seconds, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
		if err != nil || seconds == now {
			continue
		}
		now = seconds
		shiftClock(seconds)
		tally{dir}.add()
	}
}

// needsClock leaves a scenario out if clocks cannot be set.
func needsClock(string) (func(), error) {
	if !clockShifts {
		return nil, errNoClock
	}
	return func() {}, nil
}

// settingClocks sets clocks of the named processes an hour forward and back
// again, and sets all of them right at the end.
func settingClocks(names ...string) func(context.Context, *trial) int {
	return func(ctx context.Context, t *trial) int {
		set := func(name string, seconds int) {
			path := clockFile(t.sys.dir, name)
			if os.WriteFile(path+".new", []byte(strconv.Itoa(seconds)), 0o600) == nil {
				_ = os.Rename(path+".new", path) // the process sees it or does not, which the tally tells
			}
		}
		for i := 0; wait(ctx, 700*time.Millisecond); i++ {
			set(names[t.rng.IntN(len(names))], []int{3600, -3600, 0}[i%3])
		}
		for _, name := range names {
			set(name, 0)
		}
		wait(context.WithoutCancel(ctx), 200*time.Millisecond)
		return 0 // the tally counts
	}
}

// settingBrokersClock sets the broker's clock, and at the end, when it is
// right again, deletes the services' queues, which docsaga makes anew: what was
// handed out while the clock was ahead would come again only in an hour.
func settingBrokersClock(ctx context.Context, t *trial) int {
	n := settingClocks("broker")(ctx, t)
	nc, err := connect(t.sys.url)
	if err != nil {
		return n
	}
	defer nc.Close()
	for shard := range shards {
		for _, step := range steps() {
			_, _ = nc.Request(consumerOf(shard, step), nil, time.Second) // without an answer the run will tell
		}
	}
	return n
}
