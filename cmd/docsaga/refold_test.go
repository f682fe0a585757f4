package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/saga/refold"
)

func TestADefinitionIsTriedOnTheHistoriesOfTheLog(t *testing.T) {
	sys := startLog(t, t.TempDir())
	fill(t, sys, 12)
	url := sys.broker.URL()
	drawn, err := drawing("")
	if err != nil {
		t.Fatal(err)
	}
	same, other := filepath.Join(t.TempDir(), "same.bpmn"), filepath.Join(t.TempDir(), "other.bpmn")
	if err := os.WriteFile(same, drawn, 0o600); err != nil {
		t.Fatal(err)
	}
	// Parsing comes before security.
	shortcut := strings.Replace(string(drawn), `sourceRef="location" targetRef="security"`, `sourceRef="location" targetRef="parsing"`, 1)
	shortcut = strings.Replace(shortcut, `sourceRef="security" targetRef="parsing"`, `sourceRef="parsing" targetRef="security"`, 1)
	shortcut = strings.Replace(shortcut, `sourceRef="parsing" targetRef="validation"`, `sourceRef="security" targetRef="validation"`, 1)
	shortcut = strings.NewReplacer("<bpmn:incoming>", "<!--", "</bpmn:incoming>", "-->", "<bpmn:outgoing>", "<!--", "</bpmn:outgoing>", "-->").Replace(shortcut)
	if err := os.WriteFile(other, []byte(shortcut), 0o600); err != nil {
		t.Fatal(err)
	}
	recording := filepath.Join(t.TempDir(), "log.jsonl")
	_, lines, _ := docsaga(t, "replay", "--nats", url)
	if err := os.WriteFile(recording, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		args            []string
		code, documents int
		says            string
	}{
		{[]string{same, "--from-log"}, exitOK, 0, "0 of 12 documents"},
		{[]string{other, "--from-log"}, exitFailed, 12, "12 of 12 documents"},
		{[]string{other, "--from", recording}, exitFailed, 12, "12 of 12 documents"},
		{[]string{other, "--from-log", "--documents", "doc-1*"}, exitFailed, 3, "3 of 3 documents"},
		{[]string{other, "--from-log", "--since", "2100-01-01T00:00:00Z"}, exitOK, 0, "0 of 0 documents"},
		{[]string{other}, exitUsage, 0, "--from-log"},
		{[]string{other, "--from-log", "--documents", "[a"}, exitUsage, 0, "--documents"},
		{[]string{recording, "--from-log"}, exitFailed, 0, "log.jsonl"},
	}
	for _, tt := range tests {
		code, out, errOut := docsaga(t, append([]string{"definition", "replay", "--nats", url, "-o", "json"}, tt.args...)...)
		if code != tt.code || !strings.Contains(errOut, tt.says) {
			t.Errorf("%q: code %d, %s; want code %d and %q", tt.args, code, errOut, tt.code, tt.says)
		}
		if code == exitUsage || tt.says == "log.jsonl" {
			continue
		}
		var list []refold.Divergence
		if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != tt.documents {
			t.Errorf("%q: %d documents diverge (error %v), want %d: %s", tt.args, len(list), err, tt.documents, out)
		}
		for _, d := range list {
			if d.After != fmt.Sprintf("%s.location.1.outcome", d.Document) || !strings.Contains(d.What, "cued: parsing.1, was security.1") {
				t.Errorf("%q: %+v, want that parsing is cued instead of security", tt.args, d)
			}
		}
	}
}

// A version that was released is recorded with histories, which must fold to
// the same states for ever; see package refold. Who changes a built-in flow
// records histories of the new version beside the old ones.
func TestEachReleasedDefinitionHasRecordedHistories(t *testing.T) {
	released, err := definitions.ReadDir("definitions")
	if err != nil || len(released) == 0 {
		t.Fatal("no built-in definition", err)
	}
	recordings, err := filepath.Glob(filepath.Join("..", "..", "saga", "refold", "testdata", "*", "definition.bpmn"))
	if err != nil {
		t.Fatal(err)
	}
	recorded := make(map[string]bool)
	for _, path := range recordings {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		recorded[string(raw)] = true
	}
	for _, entry := range released {
		raw, err := definitions.ReadFile("definitions/" + entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		if !recorded[string(raw)] {
			t.Errorf("%s, as it is now, has no recorded histories in saga/refold/testdata", entry.Name())
		}
	}
}
