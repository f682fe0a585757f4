package removed_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/events/removed"
)

func TestAListIsReadAsItWasWritten(t *testing.T) {
	leaf := bytes.Repeat([]byte{7}, 32)
	want := []removed.Document{
		{Document: "a", Shard: 1, Messages: []removed.Message{{Seq: 2, Leaf: leaf}, {Seq: 9, Leaf: leaf}}},
		{Document: "b", Shard: 0, Messages: []removed.Message{{Seq: 3, Leaf: leaf}}},
	}
	var b bytes.Buffer
	w, err := removed.NewWriter(&b)
	for _, d := range want {
		err = errors.Join(err, w.Add(d))
	}
	if err != nil {
		t.Fatal(err)
	}
	var got []removed.Document
	for d, err := range removed.Read(&b) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, d)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestWhatIsNoListIsRefused(t *testing.T) {
	const head, leaf = `{"format":"docsaga-removed-1"}`, "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="
	for name, text := range map[string]string{
		"nothing":         "",
		"another format":  `{"format":"x"}`,
		"cut off":         head + `{"document":"a","sha`,
		"no messages":     head + `{"document":"a","shard":0,"messages":[]}`,
		"no id":           head + `{"document":"a b","shard":0,"messages":[{"seq":1,"leaf":"` + leaf + `"}]}`,
		"no hash":         head + `{"document":"a","shard":0,"messages":[{"seq":1,"leaf":"Bw=="}]}`,
		"no sequence":     head + `{"document":"a","shard":0,"messages":[{"seq":0,"leaf":"` + leaf + `"}]}`,
		"a huge sequence": head + `{"document":"a","shard":0,"messages":[{"seq":99999999999,"leaf":"` + leaf + `"}]}`,
		"another order":   head + `{"document":"a","shard":0,"messages":[{"seq":2,"leaf":"` + leaf + `"},{"seq":1,"leaf":"` + leaf + `"}]}`,
		"more":            head + `{"document":"a","shard":0,"by":1,"messages":[{"seq":1,"leaf":"` + leaf + `"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			var err error
			for _, e := range removed.Read(strings.NewReader(text)) {
				if n++; e != nil {
					err = e
				}
			}
			if !errors.Is(err, removed.ErrBad) || n != 1 {
				t.Errorf("%d yielded, error %v, want only ErrBad", n, err)
			}
		})
	}
}

func TestASetHasWhatWasAdded(t *testing.T) {
	var s removed.Set
	if s.Has(0, 1) || s.Covers(0, 1, 1) {
		t.Error("an empty set has something")
	}
	for _, seq := range []uint64{1, 63, 64, 65, 1000} {
		s.Add(2, seq)
	}
	for seq := uint64(1); seq < 1100; seq++ {
		if want := seq == 1 || seq == 63 || seq == 64 || seq == 65 || seq == 1000; s.Has(2, seq) != want || s.Has(1, seq) {
			t.Errorf("%d: %t in shard 2, %t in shard 1", seq, s.Has(2, seq), s.Has(1, seq))
		}
	}
	if !s.Covers(2, 63, 65) || s.Covers(2, 62, 65) || s.Covers(2, 64, 66) {
		t.Error("it covers what it has not, or the other way round")
	}
}
