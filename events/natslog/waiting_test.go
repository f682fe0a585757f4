package natslog_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/natslog"
)

func TestWaitingCountsWhatNobodyHasAcknowledged(t *testing.T) {
	const documents = 40
	l := open(t, start(t, natslog.Relaxed), natslog.Config{Durability: natslog.Relaxed})
	submitted := events.Pattern{Definition: "flow", Version: 1, Step: events.StepDocument, Kind: events.Submitted}
	outcome := events.Pattern{Definition: "flow", Version: 1, Step: "a", Kind: events.Outcome}
	for queue, pattern := range map[string]events.Pattern{"a": submitted, "b": outcome} {
		if err := l.Prepare(t.Context(), queue, []events.Pattern{pattern}); err != nil {
			t.Fatal(err)
		}
	}
	want := func(a, b uint64) {
		t.Helper()
		for range 200 { // an acknowledgement is on its way for a moment
			waiting, err := l.Waiting(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(waiting) == 2 && waiting["a"] == a && waiting["b"] == b {
				return
			}
			<-time.After(10 * time.Millisecond)
		}
		waiting, err := l.Waiting(t.Context())
		t.Errorf("waiting: %v (error %v), want %d for a and %d for b", waiting, err, a, b)
	}
	want(0, 0)
	taken := events.DocumentID("")
	for i := range documents {
		taken = events.DocumentID(fmt.Sprintf("d%d", i))
		e := events.Event{Slot: events.DocumentSlot("flow", 1, taken, events.Submitted), Source: "/test", Worker: "w", Time: time.Now()}
		if _, err := l.Write(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	want(documents, 0)
	for d, err := range l.Cues(t.Context(), "a", events.Shard(taken, l.Shards()), 1) {
		if err != nil {
			t.Fatal(err)
		}
		want(documents, 0) // it is under way
		if err := d.Ack(); err != nil {
			t.Fatal(err)
		}
		break
	}
	want(documents-1, 0)
}
