package feed_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/feed"
)

type failing struct{ err error }

func (failing) Start(context.Context, int) (uint64, error)            { return 7, nil }
func (f failing) Apply(context.Context, int, []events.Delivery) error { return f.err }

func TestAnUnhurriedReaderRestsUnlessThereIsMuchToDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		stopped, stop := context.WithCancel(t.Context())
		stop()
		for _, tt := range []struct {
			what  string
			ctx   context.Context
			err   error
			batch int
			rests time.Duration
		}{
			{"a small batch", t.Context(), nil, 3, time.Second},
			{"a large one", t.Context(), nil, 2000, 0},
			{"an error", t.Context(), broken, 3, 0},
			{"a stop", stopped, nil, 3, 0},
		} {
			began := time.Now()
			r := feed.Unhurried(failing{tt.err}, time.Second)
			if err := r.Apply(tt.ctx, 0, make([]events.Delivery, tt.batch)); !errors.Is(err, tt.err) || time.Since(began) != tt.rests {
				t.Errorf("%s: %v after %v, want %v after %v", tt.what, err, time.Since(began), tt.err, tt.rests)
			}
			if seq, err := r.Start(t.Context(), 0); seq != 7 || err != nil {
				t.Errorf("%s: it starts at %d, %v", tt.what, seq, err)
			}
		}
	})
}
