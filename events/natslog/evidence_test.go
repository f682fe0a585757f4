package natslog_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/natslog"
)

func TestMessagesAreWhatAFollowerGets(t *testing.T) {
	l := open(t, start(t, natslog.Relaxed), natslog.Config{Durability: natslog.Relaxed, Shards: 1})
	for i := range 3 {
		if _, err := l.Write(t.Context(), benchEvent(fmt.Sprintf("doc-%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	got, err := l.Messages(t.Context(), "doc-1")
	if err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	for batch, err := range l.Follow(t.Context(), events.Position{Seq: 1}) {
		if err != nil {
			t.Fatal(err)
		}
		want := batch[0]
		if !reflect.DeepEqual(want.Header, got[0].Header) || want.Subject != got[0].Subject ||
			!bytes.Equal(want.Data, got[0].Data) || !want.Event.At.Equal(got[0].Event.At) || want.Event.Position != got[0].Event.Position {
			t.Errorf("read is %+v, followed %+v", got[0], want)
		}
		break
	}
	if next, err := l.Next(t.Context(), events.Position{Seq: 2}); err != nil || next.Seq != 2 {
		t.Errorf("next at 2 is %v, %v", next, err)
	}
	if _, err := l.Next(t.Context(), events.Position{Seq: 4}); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("next after the end: %v, want ErrNotFound", err)
	}
}

func TestASavedStreamComesBackWithItsTimes(t *testing.T) {
	l := open(t, start(t, natslog.Relaxed), natslog.Config{Durability: natslog.Relaxed, Shards: 1})
	for i := range 300 {
		if _, err := l.Write(t.Context(), benchEvent(fmt.Sprintf("doc-%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	nc := start(t, natslog.Relaxed)
	for _, name := range l.Streams() {
		var snapshot bytes.Buffer
		meta, err := l.SaveStream(t.Context(), name, &snapshot)
		if err != nil {
			t.Fatal(err)
		}
		if err := natslog.RestoreStream(t.Context(), nc, name, meta, bytes.NewReader(snapshot.Bytes())); err != nil {
			t.Fatal(err)
		}
		if err := natslog.RestoreStream(t.Context(), nc, name, meta, &snapshot); !errors.Is(err, events.ErrConflict) {
			t.Errorf("over a stream that is there: %v, want ErrConflict", err)
		}
	}
	back, err := natslog.Open(t.Context(), nc, natslog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, position := range []uint64{1, 300} {
		var at [2]time.Time
		for i, log := range []*natslog.Log{l, back} {
			for batch, err := range log.Follow(t.Context(), events.Position{Seq: position - 1}) {
				if err != nil {
					t.Fatal(err)
				}
				at[i] = batch[0].Event.At
				break
			}
		}
		if at[0] != at[1] || at[0].IsZero() {
			t.Errorf("message %d was stored at %v, restored at %v", position, at[0], at[1])
		}
	}
	if _, err := l.SaveStream(t.Context(), "NOBODY", &bytes.Buffer{}); err == nil {
		t.Error("a stream that is not there was saved")
	}
}
