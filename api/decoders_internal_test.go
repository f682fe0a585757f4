package api

import (
	"encoding/json"
	"testing"

	"github.com/docsaga/docsaga/events"
)

func FuzzReadKeys(f *testing.F) {
	const hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	f.Add([]byte(`{"name":"a","role":"admin","sha256":"` + hash + `"}` + "\n" + `{"name":"b","role":"viewer","sha256":"` + hash + `"}`))
	f.Add([]byte(`{"name":"a","role":"root","sha256":""}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		keys, err := ReadKeys(raw)
		if err != nil {
			return
		}
		var text []byte
		for _, k := range keys {
			line, err := json.Marshal(k)
			if err != nil || k.Role == 0 || events.CheckID(k.Name) != nil {
				t.Fatalf("key %+v was read (%v)", k, err)
			}
			text = append(text, line...)
		}
		if again, err := ReadKeys(text); err != nil || len(again) != len(keys) {
			t.Errorf("%s is written back as %s (%v)", raw, text, err)
		}
		if _, ok := keys.find("x"); ok {
			t.Errorf("the secret x opens %s", raw)
		}
	})
}

func FuzzParsePositions(f *testing.F) {
	for _, s := range []string{"", "0-1,3-7", "4-1", ",", "0-1,0-2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, err := parsePositions(s, 4)
		if err != nil {
			return
		}
		for shard := range at {
			if shard < 0 || shard > 3 {
				t.Errorf("%q names shard %d of 4", s, shard)
			}
		}
		if again, err := parsePositions(formatPositions(at), 4); err != nil || len(again) != len(at) {
			t.Errorf("%q is %v, and then %v (%v)", s, at, again, err)
		}
	})
}
