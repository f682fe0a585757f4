package memlog

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/docsaga/docsaga/events"
)

// Notices keeps messages and signals, and who has claimed them.
type Notices struct {
	mu      sync.Mutex
	posted  []events.Posting
	bySubj  map[string]int // index in posted
	changed chan struct{}
}

// NewNotices returns a Notices that has none.
func NewNotices() *Notices {
	return &Notices{bySubj: make(map[string]int), changed: make(chan struct{})}
}

// post keeps a posting unless its subject has one, and returns what stands.
func (s *Notices) post(subject string, p events.Posting) (standing events.Posting, taken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, ok := s.bySubj[subject]; ok {
		return s.posted[i], true
	}
	p.Notice.Seq, p.Notice.At = uint64(len(s.posted)+1), time.Now().UTC()
	s.bySubj[subject] = len(s.posted)
	s.posted = append(s.posted, p)
	close(s.changed)
	s.changed = make(chan struct{})
	return p, false
}

// Tell keeps a notice. The same again is nothing new; another of the same id
// is an [events.ErrConflict].
func (s *Notices) Tell(_ context.Context, n events.Notice) (events.Notice, error) {
	if err := n.Check(); err != nil {
		return n, fmt.Errorf("memlog: tell: %w", err)
	}
	n.Data = bytes.Clone(n.Data)
	standing, taken := s.post(n.Subject(), events.Posting{Notice: n})
	if taken && (standing.Notice.Name != n.Name || standing.Notice.Key != n.Key || !bytes.Equal(standing.Notice.Data, n.Data)) {
		return standing.Notice, fmt.Errorf("memlog: tell %s: %w", n.ID, events.ErrConflict)
	}
	return standing.Notice, nil
}

// Claim makes the n-th claim of a notice for a slot, and returns the slot whose
// claim stands.
func (s *Notices) Claim(_ context.Context, n events.Notice, number int, slot events.Slot) (events.Slot, error) {
	standing, _ := s.post(events.ClaimSubject(n.ID, number), events.Posting{Notice: events.Notice{ID: n.ID}, Claim: number, Slot: slot})
	return standing.Slot, nil
}

// Notice returns a notice, or an error that wraps [events.ErrNotFound].
func (s *Notices) Notice(_ context.Context, id string) (events.Notice, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := events.Notice{ID: id}
	i, ok := s.bySubj[n.Subject()]
	if !ok {
		return n, fmt.Errorf("memlog: notice %s: %w", id, events.ErrNotFound)
	}
	return s.posted[i].Notice, nil
}

// FollowNotices yields all postings in order, for ever, until ctx ends.
func (s *Notices) FollowNotices(ctx context.Context) iter.Seq2[events.Posting, error] {
	return func(yield func(events.Posting, error) bool) {
		for next := 0; ctx.Err() == nil; {
			s.mu.Lock()
			batch, changed := s.posted[next:], s.changed
			s.mu.Unlock()
			for _, p := range batch {
				if !yield(p, nil) {
					return
				}
			}
			if next += len(batch); len(batch) > 0 {
				continue
			}
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
	}
}
