package projections

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

func TestABucketIsAtMostAnEighthOff(t *testing.T) {
	last := -1
	for _, d := range []time.Duration{
		0, time.Microsecond, 7 * time.Microsecond, 8 * time.Microsecond, 900 * time.Microsecond,
		time.Millisecond, 1500 * time.Millisecond, time.Hour, 365 * 24 * time.Hour,
	} {
		b := Bucket(d)
		if b <= last {
			t.Errorf("bucket of %v is %d, not above %d", d, b, last)
		}
		last = b
		if off := BucketTime(b) - d; off.Abs() > d/8 {
			t.Errorf("bucket %d of %v stands for %v", b, d, BucketTime(b))
		}
	}
	if Bucket(-time.Second) != 0 {
		t.Errorf("bucket of a negative duration is %d, want 0", Bucket(-time.Second))
	}
}

func TestCleanTakesOutWhatMustNotBeShown(t *testing.T) {
	for in, want := range map[string]string{
		"plain.pdf":             "plain.pdf",
		"a\nb\x00c\x7f":         "abc",
		"ab\u202egpj.exe":       "abgpj.exe",
		"bad\xffutf8":           "badutf8",
		"Grüße \u2028x":         "Grüße x",
		strings.Repeat("é", 11): strings.Repeat("é", 10),
	} {
		if got := clean(in, 10); got != want {
			t.Errorf("clean %q: %q, want %q", in, got, want)
		}
	}
}

// none has no definitions.
type none struct{ err error }

func (n none) Get(context.Context, string, int) (*saga.Definition, error) { return nil, n.err }

// memory is a store that keeps the last changes.
type memory struct {
	saved []*Changes
	fail  error
}

func (m *memory) Cursor(context.Context, int) (uint64, error) { return 0, nil }
func (m *memory) Load(context.Context, []events.DocumentID) ([]*Record, error) {
	return nil, nil
}

func (m *memory) Save(_ context.Context, c *Changes) error {
	if m.fail != nil {
		return m.fail
	}
	m.saved = append(m.saved, c)
	return nil
}

func delivery(seq uint64, kind events.Kind, result events.Result, data string) events.Delivery {
	return events.Delivery{Event: events.Event{
		Slot: events.DocumentSlot("lost", 1, "d1", kind), Result: result, Source: "/test",
		Data: []byte(data), Position: events.Position{Seq: seq}, At: time.Unix(int64(seq), 0).UTC(),
	}}
}

func TestADocumentWithoutADefinitionIsAnIncidentUntilItEnds(t *testing.T) {
	store := &memory{}
	p := New(store, none{err: events.ErrNotFound})
	batch := []events.Delivery{delivery(1, events.Submitted, 0, `{"output":{"location":"https://example.com/in/bill.pdf?key=1","name":7}}`)}
	if err := p.Apply(t.Context(), 0, batch); err != nil {
		t.Fatal(err)
	}
	r := store.saved[0].Records[0]
	if r.State != Incident || r.Stop == nil || r.Stop.Reason != TroubleDefinition || len(r.Troubles) != 1 || r.Name != "bill.pdf" {
		t.Errorf("record %+v, want an incident for want of a definition, named bill.pdf", r)
	}
	if err := p.Apply(t.Context(), 0, []events.Delivery{delivery(2, events.Ended, events.Cancelled, ``)}); err != nil {
		t.Fatal(err)
	}
	if r.State != Cancelled || r.EndedAt == nil || r.Troubles[0].ClosedAt == nil {
		t.Errorf("record %+v, want cancelled, with the trouble closed", r)
	}
	totals := store.saved[1].Totals
	if totals[Total{"lost", 1, Incident}] != -1 || totals[Total{"lost", 1, Cancelled}] != 1 {
		t.Errorf("totals %v, want one less in incident and one more in cancelled", totals)
	}
}

func TestAMessageThatIsNoEventMovesTheCursorOnly(t *testing.T) {
	store := &memory{}
	p := New(store, none{err: events.ErrNotFound})
	bad := events.Delivery{Event: events.Event{Position: events.Position{Seq: 1}}, Bad: events.ErrBadSubject}
	if err := p.Apply(t.Context(), 0, []events.Delivery{bad}); err != nil {
		t.Fatal(err)
	}
	if c := store.saved[0]; c.To != 1 || len(c.Records) != 0 {
		t.Errorf("changes %+v, want the cursor at 1 and nothing else", c)
	}
}

func TestAFailedSaveIsTriedFromTheCursorOn(t *testing.T) {
	store := &memory{fail: errors.New("disk full")}
	p := New(store, none{err: events.ErrNotFound})
	batch := []events.Delivery{delivery(1, events.Submitted, 0, ``)}
	if err := p.Apply(t.Context(), 0, batch); !errors.Is(err, store.fail) {
		t.Fatalf("apply: %v, want that the disk is full", err)
	}
	store.fail = nil
	if err := p.Apply(t.Context(), 0, batch); err != nil {
		t.Fatal(err)
	}
	if len(store.saved) != 1 || len(store.saved[0].Records) != 1 {
		t.Errorf("saved %+v, want the document once", store.saved)
	}
}

func TestACatalogThatFailsStopsTheProjector(t *testing.T) {
	down := errors.New("no answer")
	p := New(&memory{}, none{err: down})
	if err := p.Apply(t.Context(), 0, []events.Delivery{delivery(1, events.Submitted, 0, ``)}); !errors.Is(err, down) {
		t.Errorf("apply: %v, want the catalog's error", err)
	}
}
