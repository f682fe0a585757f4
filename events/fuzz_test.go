package events_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/docsaga/docsaga/events"
)

func FuzzParseSubject(f *testing.F) {
	for _, e := range golden() {
		f.Add(e.Slot.Subject())
	}
	f.Add("docsaga.00.a.1.b.c.1.undo-10")
	f.Add("........")
	f.Fuzz(func(t *testing.T, subject string) {
		slot, err := events.ParseSubject(subject)
		if err != nil {
			if !errors.Is(err, events.ErrBadSubject) {
				t.Errorf("%q: %v", subject, err)
			}
			return
		}
		if got := slot.Subject(); got != subject {
			t.Errorf("%q is written back as %q", subject, got)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, e := range golden() {
		h := e.Header()
		f.Add(e.Slot.Subject(), h["ce-id"][0], h["ce-type"][0], h["ce-source"][0], h["ce-time"][0], "c", "w", e.Data)
	}
	f.Fuzz(func(t *testing.T, subject, id, typ, source, at, cause, worker string, data []byte) {
		e, err := events.Decode(subject, events.LinesOf(events.Header{
			"ce-specversion": {"1.0"}, "ce-id": {id}, "ce-type": {typ}, "ce-source": {source}, "ce-time": {at},
			"ce-causationid": {cause}, "ce-sagaworker": {worker},
		}), data)
		if err != nil {
			if !errors.Is(err, events.ErrBadSubject) && !errors.Is(err, events.ErrBadEvent) {
				t.Errorf("neither of the two errors: %v", err)
			}
			return
		}
		again, err := events.Decode(e.Slot.Subject(), e.HeaderLines(), e.Data)
		e.Time = e.Time.Truncate(1e6)
		if diff := cmp.Diff(e, again); err != nil || diff != "" {
			t.Errorf("it is written back differently: %v\n%s", err, diff)
		}
		if _, err := json.Marshal(e); err != nil {
			t.Errorf("it has no JSON: %v", err)
		}
	})
}

// What a header says must not depend on who reads it: other programs read the
// log with nats.go.
func FuzzParseHeader(f *testing.F) {
	f.Add([]byte("NATS/1.0\r\nce-id: 1\r\nce-id: 2\r\n\r\n"))
	f.Add([]byte("NATS/1.0 503\r\n\r\n"))
	f.Add([]byte("NATS/1.0 100 Idle  Heartbeat \r\nA:\t b \r\n:c\n\nd"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		want, err := nats.DecodeHeadersMsg(raw)
		lines, ok := events.ParseHeader(string(raw))
		if ok != (err == nil) {
			t.Fatalf("%q: it is %v that it is a header, nats.go says %v", raw, ok, err)
		}
		if ok && !reflect.DeepEqual(events.Header(want), lines.Header()) {
			t.Errorf("%q: %q, want %q", raw, lines.Header(), want)
		}
	})
}

func FuzzUnmarshalJSON(f *testing.F) {
	for _, e := range golden() {
		raw, err := json.Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var e events.Event
		if err := json.Unmarshal(raw, &e); err != nil {
			return
		}
		out, err := json.Marshal(e)
		if err != nil {
			t.Fatalf("%s is accepted but not written: %v", raw, err)
		}
		var again events.Event
		if err := json.Unmarshal(out, &again); err != nil {
			t.Fatalf("%s is not read back: %v", out, err)
		}
		out2, err := json.Marshal(again)
		if err != nil || string(out2) != string(out) {
			t.Errorf("it is written back differently: %v\n%s\n%s", err, out, out2)
		}
	})
}

func BenchmarkHeader(b *testing.B) {
	e := golden()[0]
	b.ReportAllocs()
	buffer := make([]byte, 0, 1024)
	for b.Loop() {
		buffer = e.AppendHeader(buffer[:0])
	}
}

func BenchmarkDecode(b *testing.B) {
	e := golden()[0]
	subject, h := e.Slot.Subject(), e.HeaderLines()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := events.Decode(subject, h, e.Data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseSubject(b *testing.B) {
	subject := golden()[0].Slot.Subject()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := events.ParseSubject(subject); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSubject(b *testing.B) {
	slot := golden()[0].Slot
	b.ReportAllocs()
	for b.Loop() {
		_ = slot.Subject()
	}
}

func BenchmarkMarshalJSON(b *testing.B) {
	e := golden()[0]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := json.Marshal(e); err != nil {
			b.Fatal(err)
		}
	}
}

func TestParsingASubjectAllocatesNothing(t *testing.T) {
	subject := golden()[0].Slot.Subject()
	if n := testing.AllocsPerRun(100, func() { _, _ = events.ParseSubject(subject) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
