package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/test/bench"
)

func TestBenchPrintsBothPipelinesAndTheirRatio(t *testing.T) {
	var out, errOut bytes.Buffer
	args := []string{"bench", "--documents", "30", "--rounds", "1", "--steps", "2", "--shards", "1", "--durability", "relaxed", "--against", "bare"}
	if code := execute(t.Context(), append(args, "-o", "json"), nil, &out, &errOut); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errOut.String())
	}
	var c bench.Comparison
	if err := json.Unmarshal(out.Bytes(), &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Rounds) != 1 || len(c.Median) != 2 || c.Median[0].Events != 30*4 || c.Median[1].Events != 30*3 || c.Ratio <= 0 {
		t.Errorf("printed %s", out.String())
	}
	out.Reset()
	if code := execute(t.Context(), args, nil, &out, &errOut); code != exitOK || !strings.Contains(out.String(), "DOCUMENTS/S") || !strings.Contains(out.String(), "ratio ") {
		t.Errorf("exit code %d, printed %s", code, out.String())
	}
}

func TestBenchRefusesWhatItCannotMeasure(t *testing.T) {
	for _, args := range [][]string{
		{"--coordinator", "maybe"}, {"--against", "others"}, {"--rounds", "0"},
	} {
		var out, errOut bytes.Buffer
		if code := execute(t.Context(), append([]string{"bench"}, args...), nil, &out, &errOut); code != exitUsage {
			t.Errorf("%v: exit code %d, want %d", args, code, exitUsage)
		}
	}
}
