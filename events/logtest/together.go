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
	if err := l.WriteTogether(t.Context(), list("w1", "x", "y")); err != nil || stands() != 2 {
		t.Fatalf("two free slots: %v, %d stand", err, stands())
	}
	if err := l.WriteTogether(t.Context(), list("w1", "x", "y")); err != nil || stands() != 2 {
		t.Errorf("the same again: %v, %d stand; want it as if nothing was", err, stands())
	}
	for _, steps := range [][]events.StepID{{"z", "y"}, {"y", "z"}, {"z", "z"}} {
		if err := l.WriteTogether(t.Context(), list("w2", steps...)); !errors.Is(err, events.ErrTaken) || stands() != 2 {
			t.Errorf("%v: %v, %d stand; want %v and two", steps, err, stands(), events.ErrTaken)
		}
	}
	mixed := append(list("w1", "q"), outcome("b", "q", "w1"))
	for name, bad := range map[string][]events.Event{"none": nil, "of two documents": mixed, "a submission": {submission("a", "w1")}} {
		if err := l.WriteTogether(t.Context(), bad); err == nil || errors.Is(err, events.ErrTaken) {
			t.Errorf("%s: %v, want it refused", name, err)
		}
	}
	var mu sync.Mutex
	won := 0
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			err := l.WriteTogether(t.Context(), list(fmt.Sprintf("r%d", w), events.StepID(fmt.Sprintf("own-%d", w)), "shared"))
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
