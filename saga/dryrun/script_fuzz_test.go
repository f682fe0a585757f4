package dryrun_test

import (
	"encoding/json"
	"testing"

	"github.com/docsaga/docsaga/saga/dryrun"
)

func FuzzScript(f *testing.F) {
	f.Add([]byte(`{"steps":{"a":{"output":{"n":1}},"b":[{"fail":"x"},{"wait":true}]},"messages":[{"name":"m","key":"k"}]}`))
	f.Add([]byte(`{"steps":{"a":null}}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var s, again dryrun.Script
		if json.Unmarshal(raw, &s) != nil {
			return
		}
		first, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(first, &again); err != nil {
			t.Fatalf("%s is written back as %s: %v", raw, first, err)
		}
		if second, err := json.Marshal(again); err != nil || string(first) != string(second) {
			t.Errorf("written as %s and then as %s (%v)", first, second, err)
		}
	})
}
