package natslog_test

import (
	"errors"
	"testing"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/natslog"
)

func TestWhatIsSentStandsOrIsLeftToWrite(t *testing.T) {
	l := open(t, start(t, natslog.Relaxed), natslog.Config{Durability: natslog.Relaxed, Shards: 2})
	told := make(chan bool, 1)
	send := func(e events.Event) bool { return l.Send(t.Context(), e, func(stands bool) { told <- stands }) }
	e, other := step("a", "first"), step("a", "other")
	if !send(e) || !<-told {
		t.Fatal("it was not sent, or does not stand")
	}
	if got, err := l.Read(t.Context(), e.Slot); err != nil || got.Worker != e.Worker {
		t.Errorf("read %+v, %v", got, err)
	}
	if !send(other) || <-told {
		t.Error("an event in a slot that is taken stands")
	}
	if standing, err := l.Write(t.Context(), other); !errors.Is(err, events.ErrTaken) || standing.Worker != e.Worker {
		t.Errorf("then Write returns %+v, %v", standing, err)
	}
	if !send(e) || <-told {
		t.Error("it is said of an event that was sent twice that it stands")
	}
	if _, err := l.Write(t.Context(), e); err != nil {
		t.Errorf("written after it was sent: %v", err)
	}
	if send(events.Event{}) {
		t.Error("what is no event was sent")
	}
}

func TestALogWhoseWritersCombineLeavesAllToWrite(t *testing.T) {
	l := open(t, start(t, natslog.Strict), natslog.Config{Shards: 1})
	if l.Send(t.Context(), step("a", "w"), func(bool) { t.Error("then was called") }) {
		t.Error("it was sent")
	}
}
