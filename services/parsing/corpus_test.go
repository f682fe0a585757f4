package parsing_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/parsing"
	"github.com/docsaga/docsaga/services/pdfium/pdfiumtest"
	"github.com/docsaga/docsaga/services/runner"
	"github.com/docsaga/docsaga/services/security"
)

func TestMain(m *testing.M) { pdfiumtest.Main(m) }

// An expectation is a line of the corpus' expected.jsonl.
type expectation struct {
	File  string         `json:"file"`
	Facts map[string]any `json:"facts"`
	Stop  *stop          `json:"stop"`
}

type stop struct {
	Step   string `json:"step"`
	Reason string `json:"reason"`
}

// corpus returns the directory of the PDF corpus and what is expected of it.
func corpus(t *testing.T) (string, []expectation) {
	t.Helper()
	root := os.Getenv("DOCSAGA_CORPUS")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	root = filepath.Join(root, "pdf")
	list, err := os.ReadFile(filepath.Join(root, "expected.jsonl"))
	if err != nil {
		t.Skipf("NOT TESTED: security and parsing against the PDF corpus. It is not here (%v); "+
			"put its directory into DOCSAGA_CORPUS", err)
	}
	var all []expectation
	lines := bufio.NewScanner(bytes.NewReader(list))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e expectation
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return root, all
}

// agreement counts how often what was found is what was expected.
type agreement struct{ same, all int }

func (a *agreement) count(same bool) bool {
	a.all++
	if same {
		a.same++
	}
	return same
}

func (a *agreement) percent() float64 { return 100 * float64(a.same) / float64(max(1, a.all)) }

func TestCorpusStopsAndFactsAreAsExpected(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT TESTED: the PDF corpus; -short leaves it out")
	}
	root, all := corpus(t)
	conf := pdfiumtest.Config(t)
	conf.Size = 2
	files, pool := newFiles(), pdfiumtest.Pool(t, conf)
	check, err := security.New(security.Config{}, files, pool)
	if err != nil {
		t.Fatal(err)
	}
	parse, err := parsing.New(parsing.Config{}, files, pool)
	if err != nil {
		t.Fatal(err)
	}
	var stops, facts agreement
	for _, e := range all {
		data, err := os.ReadFile(filepath.Join(root, e.File))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(data[:min(len(data), 1024)], []byte("%PDF-")) {
			continue // location stops it
		}
		got := pipeline{t: t, files: files, check: check, parse: parse}.run(data)
		if e.Stop != nil && e.Stop.Step == "validation" {
			e.Stop = nil
		}
		if !stops.count(fmt.Sprint(got.stop) == fmt.Sprint(e.Stop)) {
			t.Logf("%s: stopped at %v, expected %v", e.File, got.stop, e.Stop)
		}
		for name, want := range e.Facts {
			have, known := got.facts[name]
			if known && !facts.count(inOrder(have) == inOrder(want)) {
				t.Logf("%s: %s is %v, expected %v", e.File, name, have, want)
			}
		}
	}
	t.Logf("stops agree in %.1f %% of %d, facts in %.1f %% of %d", stops.percent(), stops.all, facts.percent(), facts.all)
	if stops.percent() < 98 || facts.percent() < 97 {
		t.Errorf("stops agree in %.1f %%, want 98; facts in %.1f %%, want 97", stops.percent(), facts.percent())
	}
}

// inOrder writes a fact so that two can be compared; lists are sets.
func inOrder(fact any) string {
	var words []string
	switch list := fact.(type) {
	case []string:
		words = slices.Clone(list)
	case []any:
		for _, word := range list {
			words = append(words, fmt.Sprint(word))
		}
	default:
		return fmt.Sprint(fact)
	}
	slices.Sort(words)
	return strings.Join(words, ", ")
}

// A pipeline is security and parsing without what is between them.
type pipeline struct {
	t            *testing.T
	files        *memFiles
	check, parse runner.Handler
}

type outcome struct {
	stop  *stop
	facts map[string]any
}

// String makes two stops comparable.
func (s *stop) String() string {
	if s == nil {
		return "the end"
	}
	return s.Step + " for " + s.Reason
}

func (p pipeline) run(data []byte) outcome {
	p.t.Helper()
	out := outcome{facts: make(map[string]any)}
	file, err := p.files.Put(p.t.Context(), "doc", "location", "application/pdf", bytes.NewReader(data))
	if err != nil {
		p.t.Fatal(err)
	}
	defer p.files.Release(p.t.Context(), "doc", "location") //nolint:errcheck // in memory
	if safe := p.do(p.check, "security", file, &out); safe != nil {
		s := safe.(security.Output)
		out.facts["active_content"] = s.ActiveContent
		out.facts["encrypted"] = s.Encrypted
		out.facts["readable_without_password"] = s.ReadableWithoutPassword
		out.facts["signatures"] = len(s.Signatures)
		parsed := p.do(p.parse, "parsing", file, &out)
		if parsed != nil {
			p.parsed(parsed.(*parsing.Output), out.facts)
		}
		if err := p.parse.Undo(p.t.Context(), runner.Visit{Document: "doc", Step: "parsing"}); err != nil {
			p.t.Error(err)
		}
	}
	return out
}

func (p pipeline) parsed(o *parsing.Output, facts map[string]any) {
	facts["pages"], facts["text"] = o.Pages, o.Text
	facts["form_widgets"], facts["form_values"] = o.FormWidgets, o.FormValues
	names := []string{}
	for _, a := range o.Attachments {
		names = append(names, a.Name)
	}
	facts["attachments"] = names
}

func (p pipeline) do(h runner.Handler, step events.StepID, file events.File, out *outcome) any {
	input, err := json.Marshal(map[string]any{"file": file})
	if err != nil {
		p.t.Fatal(err)
	}
	got, err := h.Do(p.t.Context(), runner.Visit{Document: "doc", Step: step, Number: 1, Attempt: 1, Input: input})
	if rejected, ok := runner.AsRejection(err); ok {
		out.stop = &stop{Step: string(step), Reason: rejected.Code}
		switch rejected.Code {
		case security.ReasonActiveContent:
			found := rejected.Output.(security.Output)
			out.facts["active_content"] = found.ActiveContent
			if p := found.Preview; p != nil {
				out.facts["pages"], out.facts["text"] = p.Pages, p.Text
				out.facts["form_widgets"], out.facts["form_values"] = p.FormWidgets, p.FormValues
			}
		case security.ReasonEncrypted:
			out.facts["encrypted"] = true
		}
		return nil
	}
	if err != nil {
		p.t.Fatal(err)
	}
	if encoded, err := json.Marshal(got); err != nil || len(encoded) > 128<<10 {
		p.t.Errorf("output of %s has %d bytes, %v", step, len(encoded), err)
	}
	return got
}
