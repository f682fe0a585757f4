package bpmn

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

// reference returns the file of the reference flow.
func reference(tb testing.TB) []byte {
	tb.Helper()
	source, err := os.ReadFile("../../cmd/docsaga/definitions/pdf-validation.bpmn")
	if err != nil {
		tb.Fatal(err)
	}
	return source
}

func TestTheReferenceFlowIsRead(t *testing.T) {
	d, err := Parse(reference(t), 3)
	if err != nil {
		t.Fatal(err)
	}
	if d.Name != "pdf-validation" || d.Version != 3 {
		t.Errorf("definition %s version %d, want pdf-validation version 3", d.Name, d.Version)
	}
	var hops []string
	for _, h := range d.Hops() {
		hops = append(hops, fmt.Sprintf("%s -> %s %s", h.From, h.To, h.Reach))
	}
	want := []string{
		"document -> location direct", "location -> security direct", "security -> parsing direct",
		"parsing -> validation direct", "validation -> records direct",
	}
	if diff := cmp.Diff(want, hops); diff != "" {
		t.Errorf("hops (-want +got):\n%s", diff)
	}
	undo := map[events.StepID]saga.Undo{
		"location": {Step: "undo-location", Service: "location"},
		"parsing":  {Step: "undo-parsing", Service: "parsing"},
		"records":  {Step: "undo-records", Service: "records"},
	}
	for i := range d.Nodes {
		n := &d.Nodes[i]
		if n.Kind != saga.Service {
			continue
		}
		if n.Service != string(n.ID) || n.Timeout != 24*time.Hour || n.Retries != 5 || n.OnFail != saga.Stop {
			t.Errorf("step %s: service %s, timeout %s, retries %d, failure %d", n.ID, n.Service, n.Timeout, n.Retries, n.OnFail)
		}
		if u, ok := undo[n.ID]; ok != (n.Undo != nil) || ok && *n.Undo != u {
			t.Errorf("step %s: undo %v, want %v", n.ID, n.Undo, u)
		}
	}
}

func TestInputsAreTakenFromTheContext(t *testing.T) {
	d, err := Parse(reference(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	data := `{"output":{"pages":3},"context":{"document":{"location":"a.pdf"},"location":{"file":{"ref":"sha256:1"}}}}`
	vars := saga.Vars{Step: "parsing", Data: []byte(data)}
	got := make(map[string]string)
	for _, step := range []events.StepID{"location", "security", "validation"} {
		n, _ := d.Node(step)
		for _, in := range d.Nodes[n].Inputs {
			value, err := in.Source.Eval(vars)
			if err != nil {
				t.Errorf("%s %s: %v", step, in.Target, err)
			}
			got[string(step)+"."+in.Target] = string(value)
		}
	}
	want := map[string]string{
		"location.location": `"a.pdf"`, "location.sha256": "null",
		"security.file": `{"ref":"sha256:1"}`, "validation.parsing": `{"pages":3}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}
}

// model returns a file with the given content in its process.
func model(content string) []byte {
	return []byte(`<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0">
<error id="E" errorCode="no-money"/>
<process id="p" isExecutable="true">
` + content + `
</process></definitions>`)
}

func TestWhatCannotRunIsRefusedByNameAndLine(t *testing.T) {
	_, err := Parse(model(`<startEvent id="s"><extensionElements><zeebe:properties/></extensionElements></startEvent>
<transaction id="tx"/>
<serviceTask id="charge"/>
<boundaryEvent id="b" attachedToRef="nowhere"><errorEventDefinition/></boundaryEvent>
<sequenceFlow id="f" sourceRef="s" targetRef="missing"/>`), 1)
	if !errors.Is(err, saga.ErrBadDefinition) {
		t.Fatalf("got %v, want ErrBadDefinition", err)
	}
	for _, want := range []string{
		"line 6: transaction tx: ", "line 7: serviceTask charge: no zeebe:taskDefinition",
		`line 8: boundaryEvent b: it is attached to "nowhere"`, `line 9: sequenceFlow f: it leads from "s" to "missing"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q:\n%v", want, err)
		}
	}
}

func TestFilesThatAreNoFlowAreRefused(t *testing.T) {
	deep := strings.Repeat("<subProcess>", MaxDepth+1)
	tests := map[string]string{
		"nothing":        "",
		"no XML":         "%PDF-1.7",
		"another root":   "<html/>",
		"no process":     `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"/>`,
		"doctype":        `<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><definitions>&b;</definitions>`,
		"entity":         `<definitions>&b;</definitions>`,
		"too deep":       string(model(deep)),
		"too large":      strings.Repeat(" ", MaxSource+1),
		"too many":       "<a>" + strings.Repeat("<b/>", MaxElements) + "</a>",
		"other encoding": `<?xml version="1.0" encoding="UTF-16"?><definitions/>`,
		"not closed":     `<definitions><process>`,
		"two roots":      `<definitions/><definitions/>`,
	}
	for name, source := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse([]byte(source), 1); !errors.Is(err, saga.ErrBadDefinition) {
				t.Errorf("got %v, want ErrBadDefinition", err)
			}
		})
	}
}

func TestDurationsAreReadAsISO8601(t *testing.T) {
	tests := map[string]duration{
		"PT24H":             {rest: 24 * time.Hour},
		"P1DT12H":           {rest: 36 * time.Hour},
		"P2W":               {rest: 14 * 24 * time.Hour},
		"P1Y2M3DT4H5M6.5S":  {months: 14, rest: 76*time.Hour + 5*time.Minute + 6500*time.Millisecond},
		"PT0,5S":            {rest: 500 * time.Millisecond},
		"PT0S":              {},
		"":                  {months: -1},
		"P":                 {months: -1},
		"PT":                {months: -1},
		"24H":               {months: -1},
		"-PT1S":             {months: -1},
		"P1S":               {months: -1},
		"PT1H1H":            {months: -1},
		"PT1S1H":            {months: -1},
		"P1DT":              {months: -1},
		"P0.5Y":             {months: -1},
		"P99999999999999Y":  {months: -1},
		"PT9999999999999H":  {months: -1},
		"PT1.2.3S":          {months: -1},
		"PTT1S":             {months: -1},
		"P1D1":              {months: -1},
		"PT1X":              {months: -1},
		"R3/PT10S":          {months: -1},
		"P250Y":             {months: 3000},
		"P1M":               {months: 1},
		"PT1M":              {rest: time.Minute},
		"P1W2D":             {rest: 9 * 24 * time.Hour},
		"PT1H30M":           {rest: 90 * time.Minute},
		"P1Y":               {months: 12},
		"PT36H":             {rest: 36 * time.Hour},
		"P3000000000000000": {months: -1},
	}
	for text, want := range tests {
		got, err := parseDuration(text)
		if (err != nil) != (want.months < 0) || err == nil && got != want {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestIdsThatAreNoTokensAreRewritten(t *testing.T) {
	for _, id := range []string{"a.b", "ä", "document", strings.Repeat("x", 80)} {
		got := token(id)
		if events.CheckID(got) != nil || got == "document" || got != token(id) {
			t.Errorf("%q became %q", id, got)
		}
	}
	if token("a.b") == token("a:b") {
		t.Error("two ids became one")
	}
	if got := token("plain_Id-1"); got != "plain_Id-1" {
		t.Errorf("a good id became %q", got)
	}
}
