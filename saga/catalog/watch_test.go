package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/memlog"
	"github.com/docsaga/docsaga/saga/catalog"
)

var errDown = errors.New("the source is down")

// A frail source fails as a test says.
type frail struct {
	*memlog.Log

	mu       sync.Mutex
	watches  []time.Time
	fail     int            // how many watches end with an error, after the first definition
	unread   map[string]int // how often a definition cannot be read
	silently bool           // a watch that fails says nothing
}

func (f *frail) WatchDefinitions(ctx context.Context) iter.Seq2[events.DefinitionRef, error] {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watches = append(f.watches, time.Now())
	whole := f.Log.WatchDefinitions(ctx)
	if f.fail == 0 {
		return whole
	}
	f.fail--
	return func(yield func(events.DefinitionRef, error) bool) {
		for ref, err := range whole {
			if !yield(ref, err) || f.silently {
				return
			}
			break
		}
		yield(events.DefinitionRef{}, errDown)
	}
}

func (f *frail) Definition(ctx context.Context, name string, version int) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.unread[name] > 0 {
		f.unread[name]--
		return nil, errDown
	}
	return f.Log.Definition(ctx, name, version)
}

// watched returns the names that a watch yields within a time, and how many
// errors.
func watched(ctx context.Context, source catalog.Source, within time.Duration, meanwhile func()) (names []string, failed int) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if meanwhile != nil {
		time.AfterFunc(within/2, meanwhile)
	}
	for d, err := range catalog.New(source).Watch(ctx) {
		if err != nil {
			failed++
			continue
		}
		names = append(names, d.Name)
	}
	slices.Sort(names)
	return names, failed
}

func TestAWatchThatFailsBeginsAgainAndTellsNothingTwice(t *testing.T) {
	for _, silently := range []bool{false, true} {
		t.Run(fmt.Sprintf("silently %t", silently), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &frail{Log: memlog.New(memlog.Config{}), fail: 5, silently: silently}
				deploy := func(name string) {
					if _, err := catalog.Deploy(t.Context(), f.Log, drawn(name, "a")); err != nil {
						t.Error(err)
					}
				}
				deploy("one")
				deploy("two")
				names, failed := watched(t.Context(), f, 10*time.Minute, func() { deploy("three") })
				if want := []string{"one", "three", "two"}; !slices.Equal(names, want) {
					t.Errorf("told %v, want %v: the last was deployed after the failures", names, want)
				}
				if want := 5; !silently && failed != want {
					t.Errorf("%d errors, want %d", failed, want)
				}
				if len(f.watches) != 6 {
					t.Fatalf("%d watches, want 6", len(f.watches))
				}
				last := f.watches[5].Sub(f.watches[4])
				if first := f.watches[1].Sub(f.watches[0]); first < 200*time.Millisecond || last < 4*first || last > time.Minute {
					t.Errorf("the pauses grow from %v to %v, want them longer each time", first, last)
				}
			})
		})
	}
}

func TestADefinitionThatCannotBeReadIsAskedForAgainAndStopsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &frail{Log: memlog.New(memlog.Config{}), unread: map[string]int{}}
		for _, name := range []string{"one", "two"} {
			if _, err := catalog.Deploy(t.Context(), f.Log, drawn(name, "a")); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.PutDefinition(t.Context(), "broken", 1, []byte("no BPMN")); err != nil {
			t.Fatal(err)
		}
		f.unread["one"] = 3
		names, failed := watched(t.Context(), f, 10*time.Minute, nil)
		if want := []string{"one", "two"}; !slices.Equal(names, want) {
			t.Errorf("told %v, want %v", names, want)
		}
		if failed != 4 { // three times unread, and the one that is no BPMN, once
			t.Errorf("%d errors, want 4", failed)
		}
	})
}
