package seal_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/seal"
)

func newKey(tb testing.TB) *seal.Key {
	tb.Helper()
	k, err := seal.RandomKey()
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func TestABoxOpensAsItWasSealed(t *testing.T) {
	k := newKey(t)
	for _, size := range []int{0, 1, 15, 16, 17, 1 << 18} {
		text := bytes.Repeat([]byte("x"), size)
		box := k.Seal([]byte("before"), text, "place")
		if len(box) != len("before")+size+seal.Overhead {
			t.Errorf("%d bytes make a box of %d", size, len(box))
		}
		again, err := seal.NewKey(k.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := again.Open(box[len("before"):], "place"); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%d bytes come back as %d, %v", size, len(got), err)
		}
	}
}

func TestNoTwoBoxesShareANonce(t *testing.T) {
	k := newKey(t)
	seen := make(map[string]bool)
	for range 100_000 {
		nonce := string(k.Seal(nil, nil, "")[9:21])
		if seen[nonce] {
			t.Fatalf("nonce %x came twice", nonce)
		}
		seen[nonce] = true
	}
}

func TestWhatWasChangedMovedOrCutDoesNotOpen(t *testing.T) {
	k := newKey(t)
	box := k.Seal(nil, []byte("what is in it"), "docsaga.00.flow.1.a.look.1.outcome")
	check := func(name string, k *seal.Key, box []byte, place string) {
		t.Helper()
		if got, err := k.Open(box, place); !errors.Is(err, seal.ErrOpen) || got != nil {
			t.Errorf("%s: opens to %q, %v", name, got, err)
		}
	}
	check("another slot", k, box, "docsaga.00.flow.1.a.look.2.outcome")
	check("another key", newKey(t), box, "docsaga.00.flow.1.a.look.1.outcome")
	for n := range box {
		check(fmt.Sprintf("%d of %d bytes", n, len(box)), k, box[:n], "docsaga.00.flow.1.a.look.1.outcome")
		changed := bytes.Clone(box)
		changed[n] ^= 1
		check(fmt.Sprintf("byte %d changed", n), k, changed, "docsaga.00.flow.1.a.look.1.outcome")
	}
	check("a byte more", k, append(bytes.Clone(box), 0), "docsaga.00.flow.1.a.look.1.outcome")
}

func TestAKeyIsInNoLogLine(t *testing.T) {
	k := newKey(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		line := fmt.Sprintf(verb, k)
		for _, raw := range []string{string(k.Bytes()), fmt.Sprintf("%d", k.Bytes()), hex.EncodeToString(k.Bytes())} {
			if strings.Contains(line, raw) {
				t.Errorf("%s prints the key", verb)
			}
		}
	}
	if line := fmt.Sprint(k); line != "key" {
		t.Errorf("a key is printed as %q", line)
	}
}

func event(result events.Result, data string) *events.Event {
	return &events.Event{
		Slot:   events.Slot{Definition: "flow", Version: 1, Document: "a", Step: "look", Visit: 1, Kind: events.Outcome, Again: 1},
		Result: result, Data: []byte(data),
	}
}

func TestWhatDecidesStaysOutside(t *testing.T) {
	k := newKey(t)
	for _, c := range []struct{ name, data, erased string }{
		{"an output", `{"output":{"name":"Anna"}}`, `{"erased":true,"route":[1,0]}`},
		{"a reason", `{"output":{"name":"Anna"},"error":{"code":"too-large","message":"Anna"}}`, `{"error":{"code":"too-large"},"erased":true,"route":[1,0]}`},
		{"a person", `{"by":{"actor":"bob","reason":"Anna asked"}}`, `{"by":{"actor":"bob"},"erased":true,"route":[1,0]}`},
	} {
		e := event(events.Rejected, c.data)
		stored, err := k.Data(e)
		if err != nil || !events.IsSealed(stored) || bytes.Contains(stored, []byte("Anna")) {
			t.Errorf("%s is stored as %s, %v", c.name, stored, err)
		}
		read := *e
		read.Data = stored
		if got, err := k.OpenData(&read); err != nil || string(got) != c.data {
			t.Errorf("%s is read as %s, %v", c.name, got, err)
		}
		s, err := events.ParseSealed(stored)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Erase(events.Route{1, 0}); err != nil || string(got) != c.erased {
			t.Errorf("%s is erased to %s, %v; want %s", c.name, got, err, c.erased)
		}
	}
	for _, bare := range []string{"", "{}", `{"error":{"code":"too-large"}}`, `{"by":{"actor":"bob"}}`} {
		if stored, err := k.Data(event(events.Rejected, bare)); err != nil || string(stored) != bare {
			t.Errorf("%q, which says nothing, is stored as %q, %v", bare, stored, err)
		}
	}
}

func TestTheLargestDataFitsSealed(t *testing.T) {
	e := event(events.Completed, `{"output":"`+strings.Repeat("x", events.MaxData-13)+`"}`)
	e.Source = "/test"
	if err := e.Check(); len(e.Data) != events.MaxData || err != nil {
		t.Fatalf("%d bytes: %v", len(e.Data), err)
	}
	stored, err := newKey(t).Data(e)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := events.Decode(e.Slot.Subject(), e.HeaderLines(), stored); err != nil {
		t.Errorf("%d bytes sealed: %v", len(stored), err)
	}
	if _, err := events.Decode(e.Slot.Subject(), e.HeaderLines(), append(stored, make([]byte, events.MaxSealed)...)); !errors.Is(err, events.ErrBadEvent) {
		t.Errorf("more than may be: %v, want ErrBadEvent", err)
	}
}

func TestAMasterKeyIsReadFromItsFile(t *testing.T) {
	good := base64.StdEncoding.EncodeToString(make([]byte, 32))
	if _, err := seal.NewMaster([]byte(good + "\n")); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "?", good[:40], good + good} {
		if _, err := seal.NewMaster([]byte(bad)); err == nil {
			t.Errorf("%q is a master key", bad)
		}
	}
}

func TestAWrappedKeyIsThatOfItsDocument(t *testing.T) {
	m, err := seal.NewMaster([]byte(base64.StdEncoding.EncodeToString(make([]byte, 32))))
	if err != nil {
		t.Fatal(err)
	}
	k := newKey(t)
	wrapped := m.Wrap("a", k)
	if bytes.Contains(wrapped, k.Bytes()) {
		t.Error("the key stands in its wrapping")
	}
	if got, err := m.Unwrap("a", wrapped); err != nil || !bytes.Equal(got.Bytes(), k.Bytes()) {
		t.Errorf("unwrapped: %v", err)
	}
	if _, err := m.Unwrap("b", wrapped); !errors.Is(err, seal.ErrMaster) {
		t.Errorf("under another document: %v, want ErrMaster", err)
	}
	var none *seal.Master
	if _, err := none.Unwrap("a", wrapped); !errors.Is(err, seal.ErrMaster) {
		t.Errorf("without the master: %v, want ErrMaster", err)
	}
	if got, err := m.Unwrap("a", none.Wrap("a", k)); err != nil || !bytes.Equal(got.Bytes(), k.Bytes()) {
		t.Errorf("a bare key beside a master: %v", err)
	}
	for _, bad := range [][]byte{nil, []byte("x"), []byte("k123"), []byte("w123")} {
		if _, err := m.Unwrap("a", bad); err == nil {
			t.Errorf("%q is a key", bad)
		}
	}
}

// FuzzOpen opens what is no box.
func FuzzOpen(f *testing.F) {
	k, err := seal.NewKey(make([]byte, seal.KeySize))
	if err != nil {
		f.Fatal(err)
	}
	e := event(events.Rejected, `{"output":1,"error":{"code":"x"}}`)
	good, err := k.Data(e)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"sealed":""}`))
	f.Add([]byte(`{"sealed":"AQ=="}`))
	f.Add(good[:len(good)/2])
	f.Fuzz(func(t *testing.T, data []byte) {
		read := *e
		read.Data = data
		got, err := k.OpenData(&read)
		if err != nil {
			if !errors.Is(err, seal.ErrOpen) || got != nil {
				t.Errorf("%q: %q, %v", data, got, err)
			}
			return
		}
		if string(got) != string(e.Data) { // only what was sealed with the key can open
			t.Errorf("%q opens to %q", data, got)
		}
	})
}

func BenchmarkSealData(b *testing.B) {
	k := newKey(b)
	e := event(events.Completed, `{"output":"`+strings.Repeat("x", 2000)+`"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Data(e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenData(b *testing.B) {
	k := newKey(b)
	e := event(events.Completed, `{"output":"`+strings.Repeat("x", 2000)+`"}`)
	var err error
	if e.Data, err = k.Data(e); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.OpenData(e); err != nil {
			b.Fatal(err)
		}
	}
}
