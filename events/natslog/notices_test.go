package natslog_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/natslog"
)

func TestNoticesOfOthersAreReadAndWhatIsNoneIsLeftAside(t *testing.T) {
	nc := start(t, natslog.Relaxed)
	log := open(t, nc, natslog.Config{Durability: natslog.Relaxed})
	notices, err := log.Notices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	put := func(subject string, header nats.Header, data string) {
		t.Helper()
		if _, err := nc.RequestMsg(&nats.Msg{Subject: subject, Header: header, Data: []byte(data)}, 5*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	put("docsaga-notices.bad", nil, "x")
	put("docsaga-notices.theirs", nats.Header{
		"ce-specversion": {"1.0"}, "ce-id": {"theirs"}, "ce-type": {"paid"}, "ce-source": {"/shop"}, "ce-sagakey": {"4711"},
	}, `{"amount":1}`)
	ours := events.Notice{ID: "ours", Name: "closed", Signal: true, Source: "/test", TTL: time.Minute}
	if _, err := notices.Tell(t.Context(), ours); err != nil {
		t.Fatal(err)
	}
	if again, err := notices.Tell(t.Context(), ours); err != nil || again.Seq != 3 {
		t.Errorf("told again it stands at %d (error %v), want 3", again.Seq, err)
	}
	other := ours
	other.Data = []byte(`1`)
	if _, err := notices.Tell(t.Context(), other); !errors.Is(err, events.ErrConflict) {
		t.Errorf("another of the same id: error %v, want %v", err, events.ErrConflict)
	}
	slot := events.Slot{Definition: "d", Version: 1, Document: "one", Step: "wait", Visit: 1, Kind: events.Outcome, Again: 1}
	rival := slot
	rival.Document = "two"
	for _, s := range []events.Slot{slot, rival} {
		if standing, err := notices.Claim(t.Context(), ours, 1, s); err != nil || standing != slot {
			t.Errorf("claim of %s is for %s (error %v), want the first", s.Document, standing.Document, err)
		}
	}
	var got []string
	for p, err := range notices.FollowNotices(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p.Notice.ID+" "+p.Notice.Name+" "+p.Notice.Key)
		if p.Claim == 1 {
			break
		}
		if p.Notice.At.IsZero() || time.Since(p.Notice.At) > time.Minute {
			t.Errorf("%s was stored at %v", p.Notice.ID, p.Notice.At)
		}
	}
	if len(got) != 3 || got[0] != "theirs paid 4711" || got[1] != "ours closed " {
		t.Errorf("postings %q, want theirs, ours and the claim", got)
	}
	if n, err := notices.Notice(t.Context(), "theirs"); err != nil || n.TTL != events.DefaultNoticeTTL || string(n.Data) != `{"amount":1}` {
		t.Errorf("notice %+v (error %v), want theirs with the default time to live", n, err)
	}
	if _, err := notices.Notice(t.Context(), "nobodys"); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("error %v, want %v", err, events.ErrNotFound)
	}
}

func TestATaskIsClaimedByOne(t *testing.T) {
	nc := start(t, natslog.Relaxed)
	claims, err := open(t, nc, natslog.Config{Durability: natslog.Relaxed}).Claims(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const task = "one.approve.1"
	for range 2 {
		if h, err := claims.Take(t.Context(), task, "ann"); err != nil || h.By != "ann" {
			t.Fatalf("ann: %v (error %v)", h, err)
		}
	}
	if _, err := claims.Take(t.Context(), task, "bob"); !errors.Is(err, events.ErrTaken) {
		t.Errorf("bob: error %v, want %v", err, events.ErrTaken)
	}
	if err := claims.Release(t.Context(), task, "bob"); !errors.Is(err, events.ErrTaken) {
		t.Errorf("bob releases: error %v, want %v", err, events.ErrTaken)
	}
	if err := claims.Release(t.Context(), task, "ann"); err != nil {
		t.Fatal(err)
	}
	if _, err := claims.Holder(t.Context(), task); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("holder: error %v, want %v", err, events.ErrNotFound)
	}
	if h, err := claims.Take(t.Context(), task, "bob"); err != nil || h.By != "bob" {
		t.Errorf("bob: %v (error %v)", h, err)
	}
}
