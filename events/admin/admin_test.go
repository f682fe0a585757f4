package admin_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/admin"
	"github.com/docsaga/docsaga/events/memlog"
)

func ann() events.By { return events.By{Actor: "ann", Reason: "as agreed"} }

func TestAChangeSaysWhoMadeItAndWhy(t *testing.T) {
	log := memlog.New(memlog.Config{})
	e, fresh, err := admin.Record(t.Context(), log, admin.Change{What: admin.Limits, State: map[string]int{"maxBytes": 1}, By: ann()})
	if err != nil || !fresh {
		t.Fatalf("got %v, %v", fresh, err)
	}
	if got, want := e.Slot.Subject(), "docsaga.1.docsaga-admin.limits.1.changed"; !strings.HasSuffix(got, want) {
		t.Errorf("subject %s, want one that ends in %s", got, want)
	}
	if e.Type() != "docsaga.limits.changed" || e.Source != events.SourceOperator {
		t.Errorf("type %s, source %s", e.Type(), e.Source)
	}
	if got, want := string(e.Data), `{"output":{"maxBytes":1},"by":{"actor":"ann","reason":"as agreed"}}`; got != want {
		t.Errorf("data %s, want %s", got, want)
	}
	history, err := log.History(t.Context(), events.DocumentAdmin)
	if err != nil || len(history) != 1 || history[0].ID() != e.ID() {
		t.Errorf("history %v, %v", history, err)
	}
}

func TestTheSameStateAgainIsNoChange(t *testing.T) {
	log := memlog.New(memlog.Config{})
	for i, step := range []struct {
		limit, visit int
		fresh        bool
	}{{1, 1, true}, {1, 1, false}, {2, 2, true}, {1, 3, true}, {1, 3, false}} {
		e, fresh, err := admin.Record(t.Context(), log, admin.Change{What: admin.Limits, State: step.limit, By: ann()})
		if err != nil || fresh != step.fresh || e.Slot.Visit != step.visit {
			t.Errorf("change %d: visit %d, new %v, %v; want visit %d, new %v", i, e.Slot.Visit, fresh, err, step.visit, step.fresh)
		}
	}
}

func TestChangesAtTheSameTimeAllStand(t *testing.T) {
	log := memlog.New(memlog.Config{})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if _, _, err := admin.Record(t.Context(), log, admin.Change{What: admin.Keys, State: i, By: ann()}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	last, err := admin.Last(t.Context(), log, admin.Keys, events.DefinitionRef{})
	if err != nil || last == nil || last.Slot.Visit != 8 {
		t.Errorf("last %v, %v; want the 8th", last, err)
	}
}

func TestEachVersionIsDeployedOnce(t *testing.T) {
	log := memlog.New(memlog.Config{})
	for _, version := range []int{1, 2, 1} {
		if err := admin.Deployed(t.Context(), log, events.DefinitionRef{Name: "flow", Version: version}, []byte("<bpmn/>"), ann()); err != nil {
			t.Fatal(err)
		}
	}
	history, err := log.History(t.Context(), events.DocumentAdmin)
	if err != nil || len(history) != 2 {
		t.Fatalf("%d changes, %v; want 2", len(history), err)
	}
	if !strings.Contains(string(history[0].Data), `"sha256":"`) {
		t.Errorf("data %s says nothing of what was deployed", history[0].Data)
	}
}

func TestAChangeWithoutAnActorIsRefused(t *testing.T) {
	_, _, err := admin.Record(t.Context(), memlog.New(memlog.Config{}), admin.Change{What: admin.Keys, State: 1})
	if !errors.Is(err, events.ErrBadEvent) {
		t.Errorf("got %v", err)
	}
}

func TestNoDocumentTakesTheIDOfChanges(t *testing.T) {
	log := memlog.New(memlog.Config{})
	_, err := log.Write(t.Context(), events.Event{Slot: events.DocumentSlot("flow", 1, events.DocumentAdmin, events.Submitted), Source: "/test"})
	if !errors.Is(err, events.ErrBadEvent) {
		t.Errorf("submitted: %v", err)
	}
}

func TestNobodyFoldsAChange(t *testing.T) {
	log := memlog.New(memlog.Config{})
	e, _, err := admin.Record(t.Context(), log, admin.Change{What: admin.Keys, State: 1, By: ann()})
	if err != nil {
		t.Fatal(err)
	}
	d := events.Delivery{Event: e}
	if _, ok := d.Fact(); ok {
		t.Error("it is a fact")
	}
	if told, ok := d.Told(); !ok || told.ID() != e.ID() {
		t.Error("no history tells it")
	}
}
