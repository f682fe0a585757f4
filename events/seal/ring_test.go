package seal_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/seal"
)

// A keep is keys in memory, which counts how often it is asked.
type keep struct {
	mu    sync.Mutex
	keys  map[events.DocumentID][]byte
	asked int
	fails error
}

func (k *keep) Make(_ context.Context, id events.DocumentID, key []byte) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fails == nil && k.keys[id] == nil {
		k.keys[id] = key
	}
	return k.keys[id], k.fails
}

func (k *keep) Get(_ context.Context, ids []events.DocumentID) ([][]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked++
	var list [][]byte
	for _, id := range ids {
		list = append(list, k.keys[id])
	}
	return list, k.fails
}

func (k *keep) Destroy(_ context.Context, id events.DocumentID) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys[id] = []byte(seal.Gone)
	return k.fails
}

func (k *keep) None(context.Context) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked++
	return len(k.keys) == 0, k.fails
}

func newKeep() *keep { return &keep{keys: make(map[events.DocumentID][]byte)} }

func TestARingAsksOnceForMany(t *testing.T) {
	store := newKeep()
	maker, reader := seal.NewRing(store, nil), seal.NewRing(store, nil)
	ids := []events.DocumentID{"a", "b", "c", "a"}
	for _, id := range ids {
		if _, err := maker.Make(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if err := reader.Fetch(t.Context(), ids); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		mine, err1 := maker.Key(t.Context(), id)
		its, err2 := reader.Key(t.Context(), id)
		if err := errors.Join(err1, err2); err != nil || string(mine.Bytes()) != string(its.Bytes()) {
			t.Errorf("%s: the keys differ, or %v", id, err)
		}
	}
	if store.asked != 1 {
		t.Errorf("the store was asked %d times, want 1", store.asked)
	}
}

func TestARingSoonNoticesThatAnotherHasDestroyedAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newKeep()
		mine, other := seal.NewRing(store, nil), seal.NewRing(store, nil)
		for _, r := range []*seal.Ring{mine, other} {
			if _, err := r.Make(t.Context(), "a"); err != nil {
				t.Fatal(err)
			}
		}
		if err := mine.Destroy(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		if _, err := mine.Key(t.Context(), "a"); !errors.Is(err, seal.ErrGone) {
			t.Errorf("at once: %v, want ErrGone", err)
		}
		if _, err := mine.Make(t.Context(), "a"); !errors.Is(err, seal.ErrGone) {
			t.Errorf("made again: %v, want ErrGone", err)
		}
		if _, err := other.Key(t.Context(), "a"); err != nil {
			t.Errorf("another still remembers it: %v", err)
		}
		<-time.After(3 * time.Minute)
		if _, err := other.Key(t.Context(), "a"); !errors.Is(err, seal.ErrGone) {
			t.Errorf("another, three minutes later: %v, want ErrGone", err)
		}
	})
}

func TestARingSaysWhyThereIsNoKey(t *testing.T) {
	store := newKeep()
	r := seal.NewRing(store, nil)
	if _, err := r.Key(t.Context(), "a"); !errors.Is(err, seal.ErrNoKey) {
		t.Errorf("never made: %v, want ErrNoKey", err)
	}
	if _, err := r.Make(t.Context(), "a"); err != nil {
		t.Errorf("asked for in vain and then made: %v", err)
	}
	store.fails = errors.New("the store is away")
	if _, err := r.Key(t.Context(), "b"); !errors.Is(err, store.fails) || errors.Is(err, seal.ErrNoKey) {
		t.Errorf("while the store is away: %v", err)
	}
	store.fails = nil
	store.keys["c"] = []byte("nonsense")
	if k, err := r.Key(t.Context(), "c"); err == nil || k != nil {
		t.Errorf("a key that is none: %v, %v", k, err)
	}
}

func TestARingRemembersSoManyAndNoMore(t *testing.T) {
	store := newKeep()
	r := seal.NewRing(store, nil)
	const many = 40_000
	for i := range many {
		if _, err := r.Make(t.Context(), events.DocumentID(string(rune('a'+i%26))+time.Duration(i).String())); err != nil {
			t.Fatal(err)
		}
	}
	store.asked = 0
	if _, err := r.Key(t.Context(), "a"+events.DocumentID(time.Duration(0).String())); err != nil || store.asked != 1 {
		t.Errorf("the first of %d keys: %v; the store was asked %d times, want 1", many, err, store.asked)
	}
}
