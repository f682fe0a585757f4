package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/docsaga/docsaga/services/pdfium"
	"github.com/docsaga/docsaga/services/samples"
)

// TestMain lets the test binary be the program: pools of PDF readers and
// dev --processes start it again with arguments. Whatever a test writes into a
// log must be as its schema says. No test may leave a goroutine.
func TestMain(m *testing.M) {
	if err := os.Setenv("DOCSAGA_CHECK_EVENTS", "true"); err != nil {
		panic(err)
	}
	if len(os.Args) > 1 && (os.Args[1] == pdfium.WorkerCommand || os.Getenv("DOCSAGA_TEST_MAIN") != "") {
		main()
	}
	goleak.VerifyTestMain(m)
}

// docsaga runs the command line in this process.
func docsaga(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = execute(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestRunOfTheSamplesEndsEachAsItShould(t *testing.T) {
	code, out, errOut := docsaga(t, "run", "-o", "json", "--durability", "relaxed")
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, errOut)
	}
	var reports []report
	if err := json.Unmarshal([]byte(out), &reports); err != nil {
		t.Fatal(err)
	}
	want := samples.Builtin()
	if len(reports) != len(want) {
		t.Fatalf("%d reports, want %d", len(reports), len(want))
	}
	for i, r := range reports {
		got := samples.Want{State: r.State}
		if r.Stop != nil {
			got.Step, got.Reason = r.Stop.Step, r.Stop.Reason
		}
		if r.File != want[i].Name || got != want[i].Want {
			t.Errorf("%s ended %+v, want %s %+v", r.File, got, want[i].Name, want[i].Want)
		}
		if completed := r.State == samples.Completed; completed != (len(r.Record) > 4) {
			t.Errorf("%s is %s and has record %s, want one if and only if it is completed", r.File, r.State, r.Record)
		}
		for _, s := range r.Steps {
			undone := r.State != samples.Completed && s.Outcome == "completed" && (s.Step == "location" || s.Step == "parsing")
			if s.Undone != undone || s.StartedAt.IsZero() || s.EndedAt == nil || s.EndedAt.Before(s.StartedAt) {
				t.Errorf("%s: step %+v, want undone %v and times in order", r.File, s, undone)
			}
		}
	}
	if f := reports[0].Facts; f.Invoice == nil || f.Invoice.Number == "" || f.Pages == nil || *f.Pages != 1 {
		t.Errorf("facts of the good invoice: %+v, want pages and invoice", f)
	}
}

func TestBadInputSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.pdf")
	pdf := filepath.Join(dir, "a.pdf")
	broken := filepath.Join(dir, "broken.bpmn")
	for path, content := range map[string]string{empty: "", pdf: "%PDF-1.7", broken: "<definitions><oops/></definitions>"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const nowhere = "nats://127.0.0.1:1"
	tests := map[string]struct {
		args []string
		code int
		says string
	}{
		"unknown command":            {[]string{"fly"}, exitUsage, `unknown command "fly"`},
		"unknown flag":               {[]string{"run", "--wings"}, exitUsage, "--wings"},
		"unknown output":             {[]string{"run", "-o", "xml"}, exitUsage, "table, json, jsonl or yaml"},
		"unknown durability":         {[]string{"run", "--durability", "brave"}, exitUsage, "strict or relaxed"},
		"missing file":               {[]string{"run", filepath.Join(dir, "none.pdf")}, exitNotFound, "none.pdf: there is no such file"},
		"directory":                  {[]string{"run", dir}, exitUsage, "--recursive"},
		"definition that is missing": {[]string{"run", "--definition", filepath.Join(dir, "no.bpmn"), pdf}, exitNotFound, "no.bpmn"},
		"definition that is broken":  {[]string{"definition", "run", broken}, exitFailed, "broken.bpmn cannot run"},
		"id with a dot":              {[]string{"submit", pdf, "--id", "a.b"}, exitUsage, "a.b"},
		"an empty upload":            {[]string{"submit", empty, "--nats", nowhere}, exitUsage, "empty.pdf is empty"},
		"an upload that is too long": {[]string{"submit", pdf, "--max-bytes", "7", "--nats", nowhere}, exitUsage, "8 bytes, --max-bytes allows 7"},
		"status of a wild card":      {[]string{"status", "*"}, exitUsage, "want 1 to 64"},
		"expression without end":     {[]string{"feel", "(1"}, exitFailed, "column 3"},
		"variables that are none":    {[]string{"definition", "run", "definitions/pdf-validation.bpmn", "--variables", "3"}, exitUsage, "--variables"},
		"no argument":                {[]string{"status"}, exitUsage, "accepts 1 arg"},
		"no server":                  {[]string{"status", "x", "--nats", nowhere}, exitInternal, "connect to " + nowhere},
		"unknown service":            {[]string{"service", "flying", "--nats", nowhere}, exitInternal, nowhere},
		"missing config":             {[]string{"run", "--config", filepath.Join(dir, "no.yaml")}, exitUsage, "no.yaml"},
		"no records":                 {[]string{"records", "list", "--data", dir}, exitNotFound, "records.db"},
		"bad time":                   {[]string{"list", "--since", "yesterday"}, exitUsage, "yesterday"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			code, out, errOut := docsaga(t, tt.args...)
			if code != tt.code || !strings.Contains(errOut, tt.says) || out != "" {
				t.Errorf("docsaga %q: exit code %d, output %q, error %q; want code %d, no output, an error that says %q", tt.args, code, out, errOut, tt.code, tt.says)
			}
			if strings.Contains(errOut, "goroutine") || strings.Count(errOut, "\n") > 3 {
				t.Errorf("the error is no message for a person: %q", errOut)
			}
		})
	}
}

func TestAnEmptyFileAndAnUnreachableURLAreRejectedOrFail(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pdf")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errOut := docsaga(t, "run", "-o", "json", "--durability", "relaxed", empty, "http://127.0.0.1:1/a.pdf")
	if code != exitFailed {
		t.Fatalf("exit code %d, want %d: %s", code, exitFailed, errOut)
	}
	var reports []report
	if err := json.Unmarshal([]byte(out), &reports); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"rejected location: not-a-pdf", "rejected location: not-allowed"} {
		if got := reports[i].State + " " + reports[i].stopText(); got != want {
			t.Errorf("%s: %s, want %s", reports[i].File, got, want)
		}
	}
}

func TestSettingsComeFromFlagsThenEnvironmentThenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "docsaga.yaml")
	if err := os.WriteFile(path, []byte("nats: nats://file:1\nshards: 7\nroot: [/a, /b]\ndata: /file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCSAGA_NATS", "nats://environment:1")
	t.Setenv("DOCSAGA_DATA", "/environment")
	a := &app{out: &bytes.Buffer{}, errOut: &bytes.Buffer{}}
	root := a.root()
	cmd, _, err := root.Find([]string{"version"})
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.ParseFlags([]string{"--config", path, "--data", "/flag"}); err != nil {
		t.Fatal(err)
	}
	if err := a.configure(cmd); err != nil {
		t.Fatal(err)
	}
	s := a.settings
	if s.data != "/flag" || s.nats != "nats://environment:1" || s.shards != 7 || fmt.Sprint(s.roots) != "[/a /b]" {
		t.Errorf("data %s, nats %s, shards %d, roots %v; want those of the flag, the environment, the file, the file", s.data, s.nats, s.shards, s.roots)
	}
}

func TestControlCharactersDoNotReachATerminal(t *testing.T) {
	if got := printable("a\x1b[2Jb\r\n\u009bc"); strings.ContainsAny(got, "\x1b\r\n\u009b") || !strings.HasPrefix(got, "a") {
		t.Errorf("printable gives %q", got)
	}
}

func TestRunStopsWhenItsContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errOut bytes.Buffer
	if code := execute(ctx, []string{"run"}, strings.NewReader(""), &out, &errOut); code == exitOK {
		t.Errorf("exit code 0 though it was stopped at once; output %q", out.String())
	}
}

func TestDefinitionRunGoesThroughAFlowDry(t *testing.T) {
	code, out, errOut := docsaga(t, "definition", "run", "definitions/pdf-validation.bpmn", "-o", "json")
	var got struct {
		State string   `json:"state"`
		Trace []string `json:"trace"`
	}
	if err := json.Unmarshal([]byte(out), &got); code != exitOK || err != nil {
		t.Fatalf("exit code %d, output %q (error %v), error output %q", code, out, err, errOut)
	}
	want := "[start location security parsing validation records end]"
	if fmt.Sprint(got.Trace) != want || got.State != "completed" {
		t.Errorf("%s by %v, want completed by %s", got.State, got.Trace, want)
	}
}

func TestFeelPrintsJSON(t *testing.T) {
	for expr, want := range map[string]string{"a + 1": "3", `"x" + "y"`: `"xy"`, "[1,2][item > 1]": "[2]", "nothing": "null"} {
		if code, out, errOut := docsaga(t, "feel", expr, "--context", `{"a":2}`); code != exitOK || strings.TrimSpace(out) != want {
			t.Errorf("feel %s: exit code %d, output %q, error %q; want %s", expr, code, out, errOut, want)
		}
	}
	if code, _, errOut := docsaga(t, "feel", "1 +"); code != exitFailed || !strings.Contains(errOut, "column 4") {
		t.Errorf("feel 1 +: exit code %d, error %q; want a place in the expression", code, errOut)
	}
}

func TestDefinitionDiffNamesWhatChanged(t *testing.T) {
	raw, err := os.ReadFile("definitions/pdf-validation.bpmn")
	if err != nil {
		t.Fatal(err)
	}
	changed := filepath.Join(t.TempDir(), "changed.bpmn")
	if err := os.WriteFile(changed, bytes.ReplaceAll(raw, []byte("PT24H"), []byte("PT1H")), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errOut := docsaga(t, "definition", "diff", "definitions/pdf-validation.bpmn", changed, "-o", "json")
	var list []difference
	if err := json.Unmarshal([]byte(out), &list); code != exitOK || err != nil || len(list) != 10 {
		t.Errorf("exit code %d, %d differences (error %v), error output %q; want 10, five steps before and after", code, len(list), err, errOut)
	}
}

// startServer starts an embedded server with the built-in flow and one
// document in it, and returns its URL.
func startServer(t *testing.T) string {
	t.Helper()
	a := &app{out: &bytes.Buffer{}, errOut: &bytes.Buffer{}}
	a.settings = settings{durability: "relaxed", shards: 2, replicas: 1, logger: slog.New(slog.DiscardHandler)}
	sys, err := a.embed(t.Context(), t.TempDir(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sys.close)
	drawn, err := drawing("")
	if err != nil {
		t.Fatal(err)
	}
	d, err := sys.deploy(t.Context(), drawn)
	if err != nil {
		t.Fatal(err)
	}
	s := submission{document: "order-1", input: map[string]any{"location": "https://example.com/a.pdf"}}
	if _, err := s.submit(t.Context(), sys.log, d); err != nil {
		t.Fatal(err)
	}
	return sys.broker.URL()
}

func TestCommandsAgainstAServer(t *testing.T) {
	pdf := filepath.Join(t.TempDir(), "a.pdf")
	if err := os.WriteFile(pdf, samples.Builtin()[1].Content, 0o600); err != nil {
		t.Fatal(err)
	}
	url := startServer(t)
	for name, tt := range map[string]struct {
		args []string
		code int
		says string // in either output
	}{
		"status":                      {[]string{"status", "order-1"}, exitOK, "running"},
		"status of nobody":            {[]string{"status", "order-2"}, exitNotFound, "not found"},
		"history":                     {[]string{"history", "order-1", "-o", "jsonl"}, exitOK, `"type":"docsaga.document.submitted"`},
		"list":                        {[]string{"list", "--state", "running"}, exitOK, "order-1"},
		"list of none":                {[]string{"list", "--state", "failed", "-o", "json"}, exitOK, "[]"},
		"submit to an unknown flow":   {[]string{"submit", pdf, "--definition", "nothing"}, exitNotFound, `no definition is named "nothing"`},
		"submit of the same":          {[]string{"submit", "https://example.com/a.pdf", "--id", "order-3"}, exitOK, "order-3"},
		"submit of something else":    {[]string{"submit", "https://example.com/b.pdf", "--id", "order-1"}, exitConflict, "order-1"},
		"definitions":                 {[]string{"definition", "list", "-o", "json"}, exitOK, `"version": 1`},
		"definition of no version":    {[]string{"definition", "get", "pdf-validation@9"}, exitNotFound, "not deployed"},
		"doctor":                      {[]string{"doctor", "--format", "nagios"}, exitOK, "DOCSAGA OK"},
		"completion of a document":    {[]string{"__complete", "status", "ord"}, exitOK, "order-1"},
		"completion of a definition":  {[]string{"__complete", "definition", "get", ""}, exitOK, "pdf-validation"},
		"wait that is given too long": {[]string{"submit", "https://example.com/a.pdf", "--id", "order-4", "--wait", "--timeout", "1ms"}, exitTimedOut, "order-4 has not ended"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("DOCSAGA_NATS", url)
			code, out, errOut := docsaga(t, tt.args...)
			if code != tt.code || !strings.Contains(out+errOut, tt.says) {
				t.Errorf("docsaga %q: exit code %d, output %q, error %q; want code %d and %q", tt.args, code, out, errOut, tt.code, tt.says)
			}
		})
	}
}
