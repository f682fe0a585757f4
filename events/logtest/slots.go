package logtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/docsaga/docsaga/events"
)

// same reports whether two events are, but for when they were stored.
func same(a, b events.Event) string {
	return cmp.Diff(a, b, cmpopts.IgnoreFields(events.Event{}, "At"))
}

func slotKeepsFirst(t *testing.T, l Log) {
	first := outcome("a", "step", "w1")
	stored := write(t, l, first)
	if stored.Position.Seq != 1 || stored.Position.Shard != events.Shard("a", l.Shards.Shards()) {
		t.Errorf("position %v, want the first of shard %d", stored.Position, events.Shard("a", l.Shards.Shards()))
	}
	if again := write(t, l, first); same(again, stored) != "" {
		t.Errorf("the same write again returned another event:\n%s", same(again, stored))
	}
	for name, other := range map[string]func(e *events.Event){
		"another writer": func(e *events.Event) { e.Worker = "w2" },
		"no writer":      func(e *events.Event) { e.Worker = "" },
		"another result": func(e *events.Event) { e.Result = events.Rejected },
		"other data":     func(e *events.Event) { e.Data = []byte(`{}`) },
	} {
		second := first
		other(&second)
		standing, err := l.Write(t.Context(), second)
		if !errors.Is(err, events.ErrTaken) || same(standing, stored) != "" {
			t.Errorf("%s: error %v, want %v; the standing event:\n%s", name, err, events.ErrTaken, same(standing, stored))
		}
	}
	read, err := l.Read(t.Context(), first.Slot)
	if err != nil || same(read, stored) != "" || read.At.IsZero() {
		t.Errorf("read: %v, stored at %v\n%s", err, read.At, same(read, stored))
	}
	if _, err := l.Read(t.Context(), first.Slot.Of(events.Undo)); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("read of an empty slot: %v, want %v", err, events.ErrNotFound)
	}
}

func racingWriters(t *testing.T, l Log) {
	const writers, slots = 8, 300
	var wins [writers][slots]bool
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range slots {
				e := outcome(events.DocumentID(fmt.Sprintf("race-%d", i)), "step", fmt.Sprintf("w%d", w))
				standing, err := l.Write(t.Context(), e)
				switch {
				case err == nil:
					wins[w][i] = true
				case !errors.Is(err, events.ErrTaken) || standing.Worker == e.Worker || standing.Worker == "":
					t.Errorf("writer %d, slot %d: %v, standing event by %q", w, i, err, standing.Worker)
				}
			}
		})
	}
	wg.Wait()
	for i := range slots {
		won := 0
		for w := range writers {
			if wins[w][i] {
				won++
			}
		}
		if won != 1 {
			t.Errorf("slot %d has %d winners", i, won)
		}
	}
	total := uint64(0)
	for shard := range l.Shards.Shards() {
		last, err := l.Last(t.Context(), shard)
		if err != nil {
			t.Fatal(err)
		}
		total += last
	}
	if total != slots {
		t.Errorf("the log has %d messages, want %d", total, slots)
	}
}

func sameSubmission(t *testing.T, l Log) {
	const submitters = 100
	var mu sync.Mutex
	won := 0
	var wg sync.WaitGroup
	for i := range submitters {
		wg.Go(func() {
			e := submission("once", fmt.Sprintf("w%d", i))
			// Half of them use another version, so another subject.
			e.Slot.Version = 1 + i%2
			_, err := l.Write(t.Context(), e)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if !errors.Is(err, events.ErrTaken) {
				t.Errorf("submitter %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if h, err := l.History(t.Context(), "once"); won != 1 || len(h) != 1 || err != nil {
		t.Errorf("%d winners, %d events, %v: want one document", won, len(h), err)
	}
}

func oneDefinition(t *testing.T, l Log) {
	if _, err := l.Submission(t.Context(), "a"); !errors.Is(err, events.ErrNotFound) {
		t.Fatalf("submission of an unknown document: %v, want %v", err, events.ErrNotFound)
	}
	stored := write(t, l, submission("a", "w1"))
	if again := write(t, l, submission("a", "w1")); same(again, stored) != "" {
		t.Errorf("the same submission again:\n%s", same(again, stored))
	}
	other := submission("a", "w1")
	other.Slot.Definition = "other"
	standing, err := l.Write(t.Context(), other)
	if !errors.Is(err, events.ErrTaken) || same(standing, stored) != "" {
		t.Errorf("submission to another definition: %v, want %v; standing:\n%s", err, events.ErrTaken, same(standing, stored))
	}
	found, err := l.Submission(t.Context(), "a")
	if err != nil || same(found, stored) != "" {
		t.Errorf("submission: %v\n%s", err, same(found, stored))
	}
	write(t, l, submission("aa", "w1"))
	write(t, l, submission("_a", "w1"))
}

func refused(t *testing.T, l Log) {
	for name, change := range map[string]func(e *events.Event){
		"document with a dot":   func(e *events.Event) { e.Slot.Document = "a.b" },
		"document with a star":  func(e *events.Event) { e.Slot.Document = "*" },
		"no source":             func(e *events.Event) { e.Source = "" },
		"no result":             func(e *events.Event) { e.Result = 0 },
		"visit nought":          func(e *events.Event) { e.Slot.Visit = 0 },
		"data of 256 KiB and 1": func(e *events.Event) { e.Data = []byte(strings.Repeat(" ", events.MaxData+1)) },
	} {
		e := outcome("a", "step", "w")
		change(&e)
		if _, err := l.Write(t.Context(), e); !errors.Is(err, events.ErrBadEvent) && !errors.Is(err, events.ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	big := outcome("a", "step", "w")
	big.Data = []byte(`"` + strings.Repeat("x", events.MaxData-2) + `"`)
	write(t, l, big)
	if _, err := l.Read(t.Context(), events.Slot{}); err == nil {
		t.Error("the zero slot could be read")
	}
	if _, err := l.History(t.Context(), ">"); !errors.Is(err, events.ErrBadID) {
		t.Errorf("history of >: %v, want %v", err, events.ErrBadID)
	}
	if _, err := l.Submission(t.Context(), "*"); !errors.Is(err, events.ErrBadID) {
		t.Errorf("submission of *: %v, want %v", err, events.ErrBadID)
	}
	if _, err := l.Last(t.Context(), l.Shards.Shards()); err == nil {
		t.Error("a shard too many has a last sequence")
	}
}

func endedContext(t *testing.T, l Log) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Write(ctx, outcome("a", "step", "w")); !errors.Is(err, context.Canceled) {
		t.Errorf("write: %v, want %v", err, context.Canceled)
	}
	write(t, l, outcome("b", "step", "w"))
}

func history(t *testing.T, l Log) {
	var want []events.Event
	want = append(want, write(t, l, submission("a", "w")))
	for i := range 30 {
		write(t, l, outcome("ab", events.StepID(fmt.Sprintf("step-%d", i)), "w"))
		want = append(want, write(t, l, outcome("a", events.StepID(fmt.Sprintf("step-%d", i)), "w")))
		got, err := l.History(t.Context(), "a")
		if err != nil || len(got) != len(want) {
			t.Fatalf("history after %d writes: %d events, %v", len(want), len(got), err)
		}
	}
	got, err := l.History(t.Context(), "a")
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(events.Event{}, "At")); err != nil || diff != "" {
		t.Errorf("history: %v\n%s", err, diff)
	}
	if got, err := l.History(t.Context(), "nobody"); err != nil || len(got) != 0 {
		t.Errorf("history of nobody: %v, %v", got, err)
	}
}

func badMessages(t *testing.T, l Log) {
	good := write(t, l, outcome("a", "good", "w"))
	junk := outcome("a", "junk", "w")
	two := junk.Header()
	two["ce-id"] = []string{"x", "y"}
	for i, header := range []events.Header{nil, two, {"Status": {"409"}, "Description": {"Consumer Deleted"}}} {
		slot := junk.Slot
		slot.Visit = i + 1
		if err := l.Put(slot.Subject(), header, nil); err != nil {
			t.Fatal(err)
		}
	}
	strange := fmt.Sprintf("docsaga.%02d.flow.1.a.what.is.that.subject", events.Partition("a"))
	if err := l.Put(strange, nil, []byte("junk")); err != nil {
		t.Fatal(err)
	}
	got, err := l.History(t.Context(), "a")
	if err != nil || len(got) != 4 || same(got[0], good) != "" {
		t.Fatalf("history: %v, %v; want the good event and three that stand for what is none", got, err)
	}
	for _, e := range got[1:] {
		if e.Result != events.Failed || e.Slot.Step != "junk" || !strings.Contains(string(e.Data), events.CodeMalformed) {
			t.Errorf("history has %+v, want a failure as malformed", e)
		}
	}
	standing, err := l.Write(t.Context(), junk)
	if !errors.Is(err, events.ErrTaken) || !errors.Is(err, events.ErrBadEvent) || standing.Slot != junk.Slot {
		t.Errorf("write onto junk: %v, %v", standing, err)
	}
	if _, err := l.Read(t.Context(), junk.Slot); !errors.Is(err, events.ErrBadEvent) {
		t.Errorf("read of junk: %v, want %v", err, events.ErrBadEvent)
	}
	followed := follow(t, l, events.Position{Shard: good.Position.Shard}, 5)
	for i, d := range followed {
		if (d.Bad == nil) != (i == 0) || d.Event.Position.Seq != uint64(i+1) || i < 4 && d.Event.Slot.Document != "a" {
			t.Errorf("followed %d: bad %v, event %v", i, d.Bad, d.Event)
		}
	}
	// A service gets junk as a delivery that says so, and lives on.
	if err := l.Prepare(t.Context(), "q", []events.Pattern{pattern("junk"), pattern("good")}); err != nil {
		t.Fatal(err)
	}
	bad := 0
	for _, d := range cues(t, l, "q", good.Position.Shard, 4) {
		if d.Bad != nil {
			bad++
		}
	}
	if bad != 3 {
		t.Errorf("%d bad deliveries, want 3", bad)
	}
}

// follow returns the next n messages.
func follow(t *testing.T, l Log, after events.Position, n int) []events.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var all []events.Delivery
	for batch, err := range l.Follow(ctx, after) {
		if err != nil {
			t.Fatal(err)
		}
		if len(batch) < 1 || len(batch) > 500 {
			t.Errorf("a batch of %d", len(batch))
		}
		if all = append(all, batch...); len(all) >= n {
			return all
		}
	}
	t.Fatalf("followed %d messages, want %d", len(all), n)
	return nil
}

func followWhileWriting(t *testing.T, l Log) {
	const n = 1200
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range n / 4 {
				if _, err := l.Write(t.Context(), outcome(inShard(l, 0, 0), events.StepID(fmt.Sprintf("s-%d-%d", w, i)), "w")); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	seen := map[events.StepID]bool{}
	for i, d := range follow(t, l, events.Position{}, n) {
		if d.Event.Position.Seq != uint64(i+1) || d.Bad != nil || d.Receipt != nil || seen[d.Event.Slot.Step] {
			t.Fatalf("message %d: position %v, bad %v, step %s", i+1, d.Event.Position, d.Bad, d.Event.Slot.Step)
		}
		seen[d.Event.Slot.Step] = true
	}
	wg.Wait()
}

func followFrom(t *testing.T, l Log) {
	var want []events.Event
	for i := range 10 {
		want = append(want, write(t, l, outcome(inShard(l, 1, i), "step", "w")))
	}
	got := follow(t, l, want[3].Position, 6)
	for i, d := range got {
		if diff := same(d.Event, want[4+i]); diff != "" || d.Event.At.IsZero() || time.Since(d.Event.At) > time.Minute {
			t.Errorf("message %d, stored at %v:\n%s", i, d.Event.At, diff)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	for batch, err := range l.Follow(ctx, want[9].Position) {
		t.Errorf("after the last: %v, %v", batch, err)
	}
}

func followBeyond(t *testing.T, l Log) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var last error
	for _, err := range l.Follow(ctx, events.Position{Shard: 0, Seq: 1}) {
		last = err
	}
	if last == nil || ctx.Err() != nil {
		t.Errorf("following an empty shard after 1: %v, want an error that the log is shorter", last)
	}
}
