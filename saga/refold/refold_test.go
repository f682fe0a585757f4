package refold_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/bpmn"
	"github.com/docsaga/docsaga/saga/refold"
)

var update = flag.Bool("update", false, "write the states of recordings that have none")

// recording reads a recorded log: what was drawn, and the events by document,
// in the order of the documents' submissions.
func recording(t *testing.T, dir string) (drawn []byte, ids []events.DocumentID, histories map[events.DocumentID][]events.Event) {
	t.Helper()
	drawn, err := os.ReadFile(filepath.Join(dir, "definition.bpmn"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	histories = make(map[events.DocumentID][]events.Event)
	for line := range bytes.Lines(raw) {
		var e events.Event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		if e.Slot.Kind == events.Submitted {
			ids = append(ids, e.Slot.Document)
		}
		histories[e.Slot.Document] = append(histories[e.Slot.Document], e)
	}
	return drawn, ids, histories
}

func parse(t *testing.T, drawn []byte, version int) *saga.Definition {
	t.Helper()
	d, err := bpmn.Parse(drawn, version)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What was recorded once must fold to the same state for ever: a document that
// is under way when docsaga is updated must not wake up elsewhere.
func TestRecordedHistoriesFoldToTheRecordedStates(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join("testdata", "*"))
	if err != nil || len(dirs) == 0 {
		t.Fatal("no recording", err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			drawn, ids, histories := recording(t, dir)
			d := parse(t, drawn, 1)
			var got []refold.Summary
			for _, id := range ids {
				var s saga.State
				for i := range histories[id] {
					s = d.Fold(s, &histories[id][i])
				}
				got = append(got, refold.Summarize(d, id, &s))
			}
			path := filepath.Join(dir, "states.json")
			if _, err := os.Stat(path); os.IsNotExist(err) && *update {
				raw, err := json.MarshalIndent(got, "", " ")
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, append(raw, '\n'), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var want []refold.Summary
			if err := json.Unmarshal(raw, &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
				t.Errorf("the recording folds otherwise (-recorded +now):\n%s", diff)
			}
		})
	}
}

func TestWhereAnotherDefinitionWouldGoIsTold(t *testing.T) {
	drawn, ids, histories := recording(t, filepath.Join("testdata", "pdf-validation"))
	swap := strings.NewReplacer(`targetRef="security"`, `targetRef="parsing"`, `targetRef="parsing"`, `targetRef="security"`,
		`sourceRef="security"`, `sourceRef="parsing"`, `sourceRef="parsing"`, `sourceRef="security"`)
	tests := map[string]struct {
		drawn    string
		diverged int // documents
		says     string
	}{
		"the same":            {string(drawn), 0, ""},
		"another name":        {strings.ReplaceAll(string(drawn), `name="Read pages and attachments"`, `name="Read"`), 0, ""},
		"two steps swapped":   {reorder(t, string(drawn), swap), 5, "cued: parsing.1, was security.1"},
		"a short deadline":    {strings.ReplaceAll(string(drawn), "PT24H", "PT0.1S"), 5, "deadline"},
		"another step undone": {strings.ReplaceAll(string(drawn), `attachedToRef="location"`, `attachedToRef="validation"`), 3, "decided: document.1.ended rejected, was location.1.undo"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			was, is := parse(t, drawn, 1), parse(t, []byte(tt.drawn), 2)
			var found []refold.Divergence
			for _, id := range ids {
				var track refold.Track
				for i := range histories[id] {
					if d, parted := track.Fold(was, is, &histories[id][i]); parted {
						found = append(found, d)
					}
				}
			}
			if len(found) != tt.diverged {
				t.Errorf("%d of %d documents diverge, want %d: %+v", len(found), len(ids), tt.diverged, found)
			}
			if tt.says != "" && !slices.ContainsFunc(found, func(d refold.Divergence) bool { return strings.Contains(d.What, tt.says) }) {
				t.Errorf("found %+v, want one that says %q", found, tt.says)
			}
		})
	}
}

// reorder rewrites the sequence flows only.
func reorder(t *testing.T, drawn string, swap *strings.Replacer) string {
	t.Helper()
	var b strings.Builder
	changed := 0
	for line := range strings.Lines(drawn) {
		if strings.Contains(line, "<bpmn:sequenceFlow ") {
			if next := swap.Replace(line); next != line {
				line = next
				changed++
			}
		}
		b.WriteString(line)
	}
	if changed == 0 {
		t.Fatal("no flow was changed: the test shows nothing")
	}
	// What flows a step names must be what is drawn.
	return strings.NewReplacer("<bpmn:incoming>", "<!--", "</bpmn:incoming>", "-->", "<bpmn:outgoing>", "<!--", "</bpmn:outgoing>", "-->").Replace(b.String())
}
