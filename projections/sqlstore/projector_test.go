package sqlstore_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/projections"
	"github.com/docsaga/docsaga/projections/sqlstore"
)

func checksum(t *testing.T, s *sqlstore.Store) string {
	t.Helper()
	sum, err := s.Checksum(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func TestProjectionsAreTheSameForAnyBatchesAndTimeZone(t *testing.T) {
	s := tell(t, 300, 7)
	whole := openSQLite(t)
	s.feed(t, projections.New(whole, pdfValidation(t)), func() int { return 1 << 30 })
	want := checksum(t, whole)
	for name, cut := range map[string]func() int{
		"one by one":  func() int { return 1 },
		"by seven":    func() int { return 7 },
		"any batches": func() int { return 1 + rand.IntN(200) },
	} {
		t.Run(name, func(t *testing.T) {
			local := time.Local
			t.Cleanup(func() { time.Local = local })
			zone, err := time.LoadLocation("Pacific/Chatham")
			if err != nil {
				t.Fatal(err)
			}
			time.Local = zone
			store := openSQLite(t)
			s.feed(t, projections.New(store, pdfValidation(t)), cut)
			if got := checksum(t, store); got != want {
				t.Errorf("checksum %s, want that of one batch, %s", got, want)
			}
		})
	}
}

func TestAChecksumTellsAnEventMoreOrLess(t *testing.T) {
	s := tell(t, 20, 7)
	full, short := openSQLite(t), openSQLite(t)
	s.feed(t, projections.New(full, pdfValidation(t)), func() int { return 100 })
	s.log[0] = s.log[0][:len(s.log[0])-1]
	s.feed(t, projections.New(short, pdfValidation(t)), func() int { return 100 })
	if checksum(t, full) == checksum(t, short) {
		t.Error("the checksum is the same without the last event")
	}
}

func TestAProjectorGoesOnWhereTheStoreIs(t *testing.T) {
	s := tell(t, 200, 3)
	want := openSQLite(t)
	s.feed(t, projections.New(want, pdfValidation(t)), func() int { return 500 })

	store := openSQLite(t)
	for shard, list := range s.log {
		for len(list) > 0 {
			// A new projector for each batch has nothing in memory; it gets some
			// that the store has already.
			p := projections.New(store, pdfValidation(t))
			start, err := p.Start(t.Context(), shard)
			if err != nil {
				t.Fatal(err)
			}
			n := min(50, len(list))
			if err := p.Apply(t.Context(), shard, list[:n]); err != nil {
				t.Fatal(err)
			}
			if seq, _ := store.Cursor(t.Context(), shard); seq < start || seq != list[n-1].Event.Position.Seq {
				t.Fatalf("cursor at %d after a batch to %d", seq, list[n-1].Event.Position.Seq)
			}
			list = list[min(25, n):]
		}
	}
	if got, want := checksum(t, store), checksum(t, want); got != want {
		t.Errorf("checksum %s, want that of a projector that never stopped, %s", got, want)
	}
}

func TestTwoProjectorsOnOneStoreMakeOneProjection(t *testing.T) {
	s := tell(t, 100, 4)
	want := openSQLite(t)
	s.feed(t, projections.New(want, pdfValidation(t)), func() int { return 500 })

	store := openSQLite(t)
	two := []*projections.Projector{projections.New(store, pdfValidation(t)), projections.New(store, pdfValidation(t))}
	for shard, list := range s.log {
		for len(list) > 0 {
			n := min(1+rand.IntN(60), len(list))
			for _, p := range two {
				if err := p.Apply(t.Context(), shard, list[:n]); err != nil {
					t.Fatal(err)
				}
			}
			list = list[n:]
		}
	}
	if got, want := checksum(t, store), checksum(t, want); got != want {
		t.Errorf("checksum %s, want that of one projector, %s", got, want)
	}
}

func TestPostgresKeepsTheSameAsSQLite(t *testing.T) {
	url := os.Getenv("DOCSAGA_TEST_POSTGRES")
	if url == "" {
		t.Skip("NOT TESTED: projections in PostgreSQL. Set DOCSAGA_TEST_POSTGRES to the URL of a server (deploy/test/postgres.sh start prints one)")
	}
	s := tell(t, 150, 5)
	lite := openSQLite(t)
	s.feed(t, projections.New(lite, pdfValidation(t)), func() int { return 500 })

	store := open(t, url)
	t.Cleanup(func() {
		if err := store.Clear(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	if err := store.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.feed(t, projections.New(store, pdfValidation(t)), func() int { return 100 })
	if got, want := checksum(t, store), checksum(t, lite); got != want {
		t.Errorf("checksum %s, want that of SQLite, %s", got, want)
	}
	sameAnswers(t, store, lite)
}

// sameAnswers compares what two stores answer.
func sameAnswers(t *testing.T, a, b *sqlstore.Store) {
	t.Helper()
	for _, f := range filters() {
		x, errX := all(t, a, f)
		y, errY := all(t, b, f)
		if errX != nil || errY != nil {
			t.Fatalf("%+v: %v, %v", f, errX, errY)
		}
		if len(x) != len(y) {
			t.Errorf("%+v: %d and %d documents", f, len(x), len(y))
			continue
		}
		for i := range x {
			if x[i].Document != y[i].Document || x[i].Name != y[i].Name || !x[i].SubmittedAt.Equal(y[i].SubmittedAt) {
				t.Errorf("%+v: document %d is %s and %s", f, i, x[i].Document, y[i].Document)
			}
		}
	}
}

func TestWaitReturnsOnceAPositionIsThere(t *testing.T) {
	s := tell(t, 10, 6)
	p := projections.New(openSQLite(t), pdfValidation(t))
	last := s.log[1][len(s.log[1])-1].Event.Position
	done := make(chan error, 1)
	go func() { done <- p.Wait(t.Context(), last) }()
	select {
	case err := <-done:
		t.Fatalf("waited for %v with nothing applied: %v", last, err)
	default:
	}
	s.feed(t, p, func() int { return 3 })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Wait(ctx, events.Position{Shard: 1, Seq: last.Seq + 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("wait beyond the end: %v, want that ctx ended", err)
	}
}

func TestWhatIsAppliedAgainChangesNothing(t *testing.T) {
	s := tell(t, 50, 15)
	store := openSQLite(t)
	p := projections.New(store, pdfValidation(t))
	s.feed(t, p, func() int { return 100 })
	want := checksum(t, store)
	for shard, list := range s.log {
		if err := p.Apply(t.Context(), shard, list[:len(list)/2]); err != nil {
			t.Fatal(err)
		}
	}
	if got := checksum(t, store); got != want {
		t.Errorf("checksum %s after old events again, want %s", got, want)
	}
}
