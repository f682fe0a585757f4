package location

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/docsaga/docsaga/services/runner"
)

// TestTheCorpusStopsHereOnlyWhereItShould runs over real PDFs that are not part
// of this repository.
func TestTheCorpusStopsHereOnlyWhereItShould(t *testing.T) {
	dir := os.Getenv("DOCSAGA_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	dir, err := filepath.Abs(filepath.Join(dir, "pdf"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.Open(filepath.Join(dir, "expected.jsonl"))
	if err != nil {
		t.Skipf("LEFT OUT: no PDF corpus. Put it at ../shared/corpus or name it by DOCSAGA_CORPUS: %v", err)
	}
	defer list.Close() //nolint:errcheck // it was only read
	h, err := New(Config{Roots: []string{dir}, Web: Web{Off: true}}, newMemory())
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for lines := bufio.NewScanner(list); lines.Scan(); files++ {
		var want struct {
			File, SHA256 string
			Stop         *struct{ Step, Reason string }
		}
		if err := json.Unmarshal(lines.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		reason := ""
		if want.Stop != nil && want.Stop.Step == "location" {
			reason = want.Stop.Reason
		}
		got := ""
		_, err := h.Do(t.Context(), visit(t, Input{Location: want.File, SHA256: want.SHA256}))
		if r, ok := runner.AsRejection(err); ok {
			got = r.Code
		} else if err != nil {
			t.Errorf("%s: %v", want.File, err)
		}
		if got != reason {
			t.Errorf("%s: %q, want %q", want.File, got, reason)
		}
	}
	if files == 0 {
		t.Error("the corpus lists no files")
	}
}
