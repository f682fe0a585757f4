package events_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/docsaga/docsaga/events"
)

func FuzzParseData(f *testing.F) {
	for _, e := range golden() {
		f.Add(e.Data)
	}
	f.Add([]byte(`{"output":{"a":[1,2]},"context":{"a":null,"b":{}},"error":{"code":"x","message":"y"},"by":{"actor":"ann","reason":"z"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := events.ParseData(raw)
		if err != nil {
			if !errors.Is(err, events.ErrBadEvent) {
				t.Errorf("%q: %v", raw, err)
			}
			return
		}
		first, err := d.Marshal()
		if err != nil {
			t.Fatalf("%q was read and cannot be written: %v", raw, err)
		}
		again, err := events.ParseData(first)
		if err != nil {
			t.Fatalf("%q was written and cannot be read: %v", first, err)
		}
		if second, err := again.Marshal(); err != nil || !bytes.Equal(first, second) {
			t.Errorf("written as %q and then as %q (%v)", first, second, err)
		}
	})
}

func FuzzParsePosition(f *testing.F) {
	for _, s := range []string{"0-0", "3-1047", "65535-18446744073709551615", "-1-1", "1-", "01-1", "+1-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := events.ParsePosition(s)
		if err != nil {
			return
		}
		if again, err := events.ParsePosition(p.String()); err != nil || again != p || p.Shard < 0 {
			t.Errorf("%q is %v, and then %v (%v)", s, p, again, err)
		}
		var text events.Position
		if err := text.UnmarshalText([]byte(s)); err != nil || text != p {
			t.Errorf("%q is %v as text (%v), want %v", s, text, err, p)
		}
	})
}

func FuzzDecodePosting(f *testing.F) {
	f.Add("docsaga-notices.n1", "paid", "o-1", "/shop", "60", "true", []byte(`{"a":1}`))
	f.Add(events.ClaimSubject("n1", 1), "", "", "", "", "", []byte(events.Slot{
		Definition: "d", Version: 1, Document: "one", Step: "wait", Visit: 1, Kind: events.Outcome, Again: 1,
	}.Subject()))
	f.Fuzz(func(t *testing.T, subject, name, key, source, ttl, signal string, data []byte) {
		h := events.Header{
			"ce-specversion": {"1.0"}, "ce-id": {subject[min(len(subject), len(events.NoticeRoot)+1):]}, "ce-type": {name}, "ce-source": {source},
			"ce-partitionkey": {key}, "ce-sagakey": {key}, "ce-sagattl": {ttl}, "ce-sagasignal": {signal},
		}
		p, err := events.DecodePosting(subject, h, data)
		if err != nil {
			if !errors.Is(err, events.ErrBadEvent) {
				t.Errorf("%q: %v", subject, err)
			}
			return
		}
		if p.Claim > 0 {
			if got := events.ClaimSubject(p.Notice.ID, p.Claim); got != subject || p.Slot.Subject() != string(data) {
				t.Errorf("claim %q of %q is written back as %q of %q", subject, data, got, p.Slot.Subject())
			}
			return
		}
		if err := p.Notice.Check(); err != nil {
			t.Errorf("a notice was read that may not be: %v", err)
		}
		again, err := events.DecodePosting(subject, p.Notice.Header(), data)
		first, _ := json.Marshal(p.Notice)
		if second, _ := json.Marshal(again.Notice); err != nil || !bytes.Equal(first, second) {
			t.Errorf("%s is written back as %s (%v)", first, second, err)
		}
	})
}

func FuzzParseSealed(f *testing.F) {
	f.Add([]byte(`{"sealed":"AAAA","error":{"code":"x"}}`))
	f.Add([]byte(`{"sealed":"AAAA","context":{"a":1},"by":{"actor":"a","reason":"r"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := events.ParseSealed(raw)
		if err != nil {
			if !errors.Is(err, events.ErrBadEvent) {
				t.Errorf("%q: %v", raw, err)
			}
			return
		}
		erased, err := s.Erase(events.Route{})
		if err != nil {
			t.Fatal(err)
		}
		if d, err := events.ParseData(erased); err != nil || !d.Erased {
			t.Errorf("what is left of %q is %q (%v), want data that says that it is erased", raw, erased, err)
		}
	})
}
