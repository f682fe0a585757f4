package memlog_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/logtest"
	"github.com/docsaga/docsaga/events/memlog"
)

func TestLog(t *testing.T) {
	logtest.Run(t, func(*testing.T) logtest.Log {
		l := memlog.New(memlog.Config{AckWait: logtest.AckWait})
		return logtest.Log{
			Slots: l, Shards: l, Queues: l, Definitions: l, Files: l.Files(),
			Put: func(subject string, header events.Header, data []byte) error {
				if !l.Put(subject, header, data) {
					return errors.New("taken")
				}
				return nil
			},
		}
	})
}

func TestDaysOfWaitingTakeNoTimeInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := memlog.New(memlog.Config{})
		e := events.Event{Slot: events.DocumentSlot("flow", 1, "a", events.Submitted), Source: "/test", Worker: "w"}
		if _, err := l.Write(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		patterns := []events.Pattern{{Definition: "flow", Version: 1, Step: events.StepDocument, Kind: events.Submitted}}
		if err := l.Prepare(t.Context(), "q", patterns); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for d, err := range l.Cues(t.Context(), "q", events.Shard("a", 4), 1) {
			if err != nil {
				t.Fatal(err)
			}
			if d.Attempt == 1 {
				if err := d.Nak(72 * time.Hour); err != nil {
					t.Fatal(err)
				}
				continue
			}
			break
		}
		if waited := time.Since(start); waited != 72*time.Hour {
			t.Errorf("waited %v, want 72h", waited)
		}
	})
}
