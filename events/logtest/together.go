package logtest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/docsaga/docsaga/events"
)

// together: one taken slot keeps all out, and of those who race for any slot
// one gets all.
func together(t *testing.T, l Log) {
	list := func(worker string, steps ...events.StepID) []events.Event {
		var list []events.Event
		for _, step := range steps {
			list = append(list, outcome("a", step, worker))
		}
		return list
	}
	stands := func() int {
		history, err := l.History(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		return len(history)
	}
	if err := writeTogether(t, l, list("w1", "x", "y")); err != nil || stands() != 2 {
		t.Fatalf("two free slots: %v, %d stand", err, stands())
	}
	if err := writeTogether(t, l, list("w1", "x", "y")); err != nil || stands() != 2 {
		t.Errorf("the same again: %v, %d stand; want it as if nothing was", err, stands())
	}
	for _, steps := range [][]events.StepID{{"z", "y"}, {"y", "z"}, {"z", "z"}} {
		if err := writeTogether(t, l, list("w2", steps...)); !errors.Is(err, events.ErrTaken) || stands() != 2 {
			t.Errorf("%v: %v, %d stand; want %v and two", steps, err, stands(), events.ErrTaken)
		}
	}
	mixed := append(list("w1", "q"), outcome("b", "q", "w1"))
	for name, bad := range map[string][]events.Event{"none": nil, "of two documents": mixed, "a submission": {submission("a", "w1")}} {
		if err := writeTogether(t, l, bad); err == nil || errors.Is(err, events.ErrTaken) {
			t.Errorf("%s: %v, want it refused", name, err)
		}
	}
	tip, err := l.Tip(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	won := 0
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			err := l.WriteTogether(t.Context(), tip, list(fmt.Sprintf("r%d", w), events.StepID(fmt.Sprintf("own-%d", w)), "shared"))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if !errors.Is(err, events.ErrTaken) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won != 1 || stands() != 4 {
		t.Errorf("%d won, %d events stand; want one with its two, and the two before", won, stands())
	}
}

// writeTogether writes events behind all that stands of their document.
func writeTogether(t *testing.T, l Log, list []events.Event) error {
	t.Helper()
	tip, err := l.Tip(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	return l.WriteTogether(t.Context(), tip, list)
}

// notBehindTip: whatever is written about a document after its tip was read
// keeps out what was planned then; what is written about others does not.
func notBehindTip(t *testing.T, l Log) {
	if tip, err := l.Tip(t.Context(), "a"); err != nil || tip != 0 {
		t.Errorf("tip of a document that nobody knows: %d (error %v), want 0", tip, err)
	}
	write := func(e events.Event) uint64 {
		t.Helper()
		standing, err := l.Write(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		tip, err := l.Tip(t.Context(), e.Slot.Document)
		if err != nil || tip != standing.Position.Seq {
			t.Errorf("tip of %s: %d (error %v), want %d", e.Slot.Document, tip, err, standing.Position.Seq)
		}
		return standing.Position.Seq
	}
	tip := write(submission("a", "w1"))
	cancel := submission("a", "w1")
	cancel.Slot, cancel.Data = cancel.Slot.Of(events.Cancel), nil
	later := outcome("a", "x", "w1")
	later.Slot.Version += 7
	for i, meanwhile := range []events.Event{cancel, later, outcome("a", "y", "w1")} {
		now := write(meanwhile)
		planned := []events.Event{outcome("a", events.StepID(fmt.Sprintf("z%d", i)), "w2"), outcome("a", events.StepID(fmt.Sprintf("q%d", i)), "w2")}
		if err := l.WriteTogether(t.Context(), tip, planned); !errors.Is(err, events.ErrTaken) {
			t.Errorf("planned before %s: %v, want %v", meanwhile.ID(), err, events.ErrTaken)
		}
		write(submission(events.DocumentID(fmt.Sprintf("other-%d", i)), "w1"))
		if err := l.WriteTogether(t.Context(), now, planned); err != nil {
			t.Errorf("planned after %s: %v", meanwhile.ID(), err)
		}
		if err := l.WriteTogether(t.Context(), now, planned); err != nil {
			t.Errorf("planned after %s, again: %v; want it as if nothing was", meanwhile.ID(), err)
		}
		var err error
		if tip, err = l.Tip(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
	}
	history, err := l.History(t.Context(), "a")
	if err != nil || len(history) != 10 {
		t.Errorf("%d events stand (error %v), want 10", len(history), err)
	}
}
