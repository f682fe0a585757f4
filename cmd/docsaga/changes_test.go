package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/events"
)

// changesAtStart is how many changes a new log of [startLog] holds: its
// settings, and the built-in definition.
const changesAtStart = 2

func TestWhoDeployedAndWhyStandsInTheLog(t *testing.T) {
	sys := startLog(t, t.TempDir())
	url := sys.broker.URL()
	drawn, err := drawing("")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "flow.bpmn")
	if err := os.WriteFile(path, append(drawn, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the same again is no change
		if code, _, errOut := docsaga(t, "definition", "deploy", path, "--nats", url, "--actor", "ann", "--reason", "new limit"); code != exitOK {
			t.Fatal(errOut)
		}
	}
	_, out, _ := docsaga(t, "audit", "changes", "--nats", url)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2+changesAtStart || !strings.Contains(lines[3], "pdf-validation.2") || !strings.Contains(lines[3], "ann") || !strings.Contains(lines[3], "new limit") {
		t.Errorf("changes:\n%s", out)
	}
	if !strings.Contains(lines[1], "settings") || !strings.Contains(lines[2], "pdf-validation.1") {
		t.Errorf("what the start changed is missing:\n%s", out)
	}
	_, history, _ := docsaga(t, "history", string(events.DocumentAdmin), "--nats", url, "-o", "jsonl")
	_, replayed, _ := docsaga(t, "replay", "--document", string(events.DocumentAdmin), "--nats", url)
	if history != replayed || strings.Count(history, "\n") != 1+changesAtStart {
		t.Errorf("history and replay of the changes differ:\n%s\n%s", history, replayed)
	}
}

func TestTheKeysOfAServerAreAChangeWithoutTheirSecrets(t *testing.T) {
	sys := startLog(t, t.TempDir())
	one := `{"name":"ann","role":"admin","sha256":"` + strings.Repeat("ab", 32) + `"}`
	two := `{"name":"bob","role":"viewer","sha256":"` + strings.Repeat("cd", 32) + `"}`
	for _, keys := range []string{one, one, two} {
		sys.app.settings.keys = filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(sys.app.settings.keys, []byte(keys), 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := sys.app.keys()
		if err != nil {
			t.Fatal(err)
		}
		if err := sys.configured(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	history, err := sys.log.History(t.Context(), events.DocumentAdmin)
	if err != nil {
		t.Fatal(err)
	}
	var states []string
	for i := range history {
		if history[i].Slot.Step == "keys" {
			d, err := events.ParseData(history[i].Data)
			if err != nil || d.By == nil || d.By.Actor == "" {
				t.Errorf("%s does not say who", history[i].Data)
			}
			states = append(states, string(d.Output))
		}
	}
	if len(states) != 2 || !strings.Contains(states[0], `"ann"`) || strings.Contains(states[1], `"ann"`) {
		t.Errorf("changes of the keys: %q, want that ann came, and that bob came for her", states)
	}
	if all := strings.Join(states, ""); strings.Contains(all, strings.Repeat("ab", 8)) || strings.Contains(all, strings.Repeat("cd", 8)) {
		t.Errorf("the digest of a key is in the log: %s", all)
	}
}
