package events

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestANoticeIsReadAsItWasWritten(t *testing.T) {
	for _, n := range []Notice{
		{ID: "m-1", Name: "paid", Key: "order 4711 \"ä\"", Source: "/shop", TTL: time.Minute, Data: []byte(`{"n":1}`)},
		{ID: "s_2", Name: "stock closes", Signal: true, Source: "/shop", TTL: DefaultNoticeTTL},
	} {
		if err := n.Check(); err != nil {
			t.Fatal(err)
		}
		p, err := DecodePosting(n.Subject(), n.Header(), n.Data)
		if err != nil || p.Claim != 0 || !reflect.DeepEqual(p.Notice, n) {
			t.Errorf("%+v was read as %+v (error %v)", n, p.Notice, err)
		}
	}
}

func TestAClaimIsReadAsItWasWritten(t *testing.T) {
	slot := Slot{Definition: "d", Version: 2, Document: "one", Step: "wait", Visit: 3, Kind: Outcome, Again: 1}
	p, err := DecodePosting(ClaimSubject("m-1", 2), nil, []byte(slot.Subject()))
	if err != nil || p.Notice.ID != "m-1" || p.Claim != 2 || p.Slot != slot {
		t.Errorf("claim was read as %+v (error %v)", p, err)
	}
}

func TestWhatIsNoNoticeIsRefused(t *testing.T) {
	good := Notice{ID: "m", Name: "paid", Source: "/s", TTL: time.Minute}
	for name, change := range map[string]func(*Notice){
		"id": func(n *Notice) { n.ID = "a.b" }, "name": func(n *Notice) { n.Name = "" }, "source": func(n *Notice) { n.Source = "" },
		"ttl": func(n *Notice) { n.TTL = 0 }, "data": func(n *Notice) { n.Data = []byte("{") }, "key": func(n *Notice) { n.Key = strings.Repeat("k", 2000) },
	} {
		n := good
		change(&n)
		if err := n.Check(); !errors.Is(err, ErrBadEvent) {
			t.Errorf("%s: error %v, want %v", name, err, ErrBadEvent)
		}
	}
	for _, subject := range []string{"docsaga-notices", "docsaga-notices.m.claim.0", "docsaga-notices.m.x.1", "other.m", "docsaga-notices.other"} {
		if _, err := DecodePosting(subject, good.Header(), nil); !errors.Is(err, ErrBadEvent) {
			t.Errorf("%s: error %v, want %v", subject, err, ErrBadEvent)
		}
	}
}

func TestAJoinedIDIsAlwaysAnID(t *testing.T) {
	long := strings.Repeat("x", 60)
	for _, parts := range [][]string{{"order", "pay", "1"}, {long, "pay", "1"}, {long, "pay", "2"}, {"ä ö", "1"}} {
		if err := CheckID(JoinID(parts...)); err != nil {
			t.Errorf("%v: %v", parts, err)
		}
	}
	if got := JoinID("order", "pay", "1"); got != "order-pay-1" {
		t.Errorf("joined %s, want order-pay-1", got)
	}
	if JoinID(long, "pay", "1") == JoinID(long, "pay", "2") {
		t.Error("two long ids are the same")
	}
}
