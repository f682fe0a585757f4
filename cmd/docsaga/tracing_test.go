package main

import (
	"encoding/json"
	"net"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/events/tracing/otlp/otlptest"
)

// tree draws what hangs on a span, each with its outcome, indented.
func tree(spans []otlptest.Span, parent, indent string) string {
	var b strings.Builder
	for i := range spans {
		if s := &spans[i]; s.Parent == parent {
			b.WriteString(indent + strings.TrimSpace(s.Name+" "+s.Attributes["docsaga.outcome"]+" "+s.Attributes["docsaga.reason"]) + "\n")
			b.WriteString(tree(spans, s.ID, indent+"  "))
		}
	}
	return b.String()
}

func TestADocumentIsOneTraceFromItsSubmissionToItsEnd(t *testing.T) {
	collector := otlptest.Start(t)
	code, out, errOut := docsaga(t, "run", "-o", "json", "--durability", "relaxed", "--otlp", collector.URL)
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, errOut)
	}
	var reports []report
	if err := json.Unmarshal([]byte(out), &reports); err != nil {
		t.Fatal(err)
	}
	documents := make(map[string][]otlptest.Span)
	for _, s := range collector.Spans() {
		id := s.Attributes["docsaga.document"]
		documents[id] = append(documents[id], s)
	}
	rejected := `submit pdf-validation accepted
  do location completed
    do security completed
      do parsing completed
        do validation rejected invoice-rules
          decide parsing.undo
            undo parsing completed
              decide location.undo
                undo location completed
                  decide document.rejected rejected
`
	completed := `submit pdf-validation accepted
  do location completed
    do security completed
      do parsing completed
        do validation completed
          do records completed
            decide document.completed completed
`
	want := map[string]string{"invoice.pdf": completed, "delivery-note.pdf": completed, "invoice-wrong-totals.pdf": rejected}
	for _, r := range reports {
		spans := documents[string(r.Document)]
		for _, s := range spans {
			if s.Trace != spans[0].Trace {
				t.Errorf("%s: %s is of another trace than %s", r.File, s.Name, spans[0].Name)
			}
		}
		if got := tree(spans, "", ""); len(spans) == 0 || want[r.File] != "" && got != want[r.File] {
			t.Errorf("%s:\n%swant\n%s", r.File, got, want[r.File])
		}
	}
}

func TestACollectorThatCannotBeReachedIsNamedOnce(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+nobody.Addr().String())
	_ = nobody.Close()
	code, _, errOut := docsaga(t, "run", "-o", "json", "--durability", "relaxed")
	if n := strings.Count(errOut, "spans cannot be sent"); code != exitOK || n != 1 {
		t.Errorf("exit code %d; said %d times that spans cannot be sent, want once: %s", code, n, errOut)
	}
}
