package api

import (
	"context"
	"errors"
	"testing"

	"github.com/docsaga/docsaga/events"
)

func batch(from, to uint64) []events.Delivery {
	var list []events.Delivery
	for seq := from; seq <= to; seq++ {
		list = append(list, events.Delivery{Event: events.Event{
			Slot: events.DocumentSlot("line", 1, "d", events.Submitted), Source: "/test", Position: events.Position{Seq: seq},
		}})
	}
	return list
}

func TestAHubBeginsAtTheEndAndTellsEachEventOnce(t *testing.T) {
	h := NewHub(func(context.Context, int) (uint64, error) { return 5, nil })
	if seq, err := h.Start(t.Context(), 0); err != nil || seq != 5 {
		t.Fatalf("starts at %d, %v", seq, err)
	}
	w, ok := h.watch()
	if !ok || w.from[0] != 5 {
		t.Fatalf("watcher %+v, %v", w, ok)
	}
	for _, b := range [][]events.Delivery{batch(1, 5), batch(4, 7), batch(6, 8)} {
		if err := h.Apply(t.Context(), 0, b); err != nil {
			t.Fatal(err)
		}
	}
	h.leave(w)
	var got []uint64
	for list := range w.batches {
		for i := range list {
			got = append(got, list[i].Position.Seq)
		}
	}
	if len(got) != 3 || got[0] != 6 || got[2] != 8 {
		t.Errorf("told of %v, want 6, 7 and 8", got)
	}
}

func TestAHubLetsSlowWatchersGoAndHasRoomForSoMany(t *testing.T) {
	h := NewHub(func(context.Context, int) (uint64, error) { return 0, nil })
	slow, _ := h.watch()
	for seq := uint64(1); seq <= backlog+1; seq++ {
		if err := h.Apply(t.Context(), 0, batch(seq, seq)); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for range slow.batches {
		n++
	}
	if n != backlog {
		t.Errorf("a slow watcher got %d batches before it was let go, want %d", n, backlog)
	}
	h.leave(slow) // again does no harm
	for range maxWatchers {
		if _, ok := h.watch(); !ok {
			t.Fatal("no room for a watcher")
		}
	}
	if _, ok := h.watch(); ok {
		t.Error("room for a watcher too many")
	}
}

func TestAHubSaysThatTheLogCannotBeHad(t *testing.T) {
	down := errors.New("no answer")
	h := NewHub(func(context.Context, int) (uint64, error) { return 0, down })
	if _, err := h.Start(t.Context(), 0); !errors.Is(err, down) {
		t.Errorf("start: %v, want %v", err, down)
	}
}

func TestLimitsHoldABoundedNumberOfAddresses(t *testing.T) {
	l := limits{rate: 1}
	for i := range 3 * maxLimiters {
		l.allow(events.Position{Seq: uint64(i)}.String())
		if len(l.each) > maxLimiters {
			t.Fatalf("%d limiters, at most %d", len(l.each), maxLimiters)
		}
	}
}

func TestASessionEndsWithItsKeyAndCannotBeForged(t *testing.T) {
	key, _, err := NewKey("ann", Viewer)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{conf: Config{Keys: Keys{key}}, secret: []byte("x")}
	good := s.sign(key, now().Add(sessionTime))
	for name, c := range map[string]struct {
		value string
		keys  Keys
		ok    bool
	}{
		"its own":         {good, Keys{key}, true},
		"another's name":  {"bob" + good[3:], Keys{key, {Name: "bob", Role: Admin}}, false},
		"cut":             {good[:len(good)-1], Keys{key}, false},
		"expired":         {s.sign(key, now().Add(-sessionTime)), Keys{key}, false},
		"without its key": {good, nil, false},
		"with a new key":  {good, Keys{{Name: "ann", Role: Admin, Hash: "other"}}, false},
		"nonsense":        {"..", Keys{key}, false},
	} {
		s.conf.Keys = c.keys
		if _, ok := s.session(withCookie(t, c.value)); ok != c.ok {
			t.Errorf("%s: let in %v, want %v", name, ok, c.ok)
		}
	}
}
