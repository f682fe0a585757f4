package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/docsaga/docsaga/services/samples"
)

// tuned returns what the command line says.
func tuned(t *testing.T, args ...string) tuning {
	t.Helper()
	var got tuning
	f := pflag.NewFlagSet("test", pflag.ContinueOnError)
	got.flags(f)
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAChildIsToldWhatItsParentWasTold(t *testing.T) {
	standard := tuned(t)
	if args := standard.arguments(); len(args) != 0 {
		t.Errorf("the defaults are told as %q, want nothing", args)
	}
	want := []string{
		"--fetch-host=a.example,.b.example", "--fetch-off=true", "--fetch-port=8443", "--max-pages=10",
		"--reader-deadline=3s", `--rules="a,b.yaml"`, "--s3-endpoint=127.0.0.1:9000",
	}
	told := tuned(t, want...)
	if got := told.arguments(); !slices.Equal(got, want) {
		t.Errorf("told as %q, want %q", got, want)
	}
	if told.readerDeadline != 3*time.Second || !slices.Equal(told.rules, []string{"a,b.yaml"}) {
		t.Errorf("read as %+v", told)
	}
}

func TestTuningThatCannotWorkIsAUsageError(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret.yaml")
	rules := filepath.Join(dir, "rules.yaml")
	for path, content := range map[string]string{secret: "accessKey: id\nsecretkey: hunter2\n", rules: "rules: [{id: A, holds: '(1'}]"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pdf := filepath.Join(dir, "a.pdf")
	if err := os.WriteFile(pdf, samples.Document{}.PDF(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, arg := range []string{
		"--fetch-port=0", "--fetch-port=70000", "--fetch-network=10.0.0.0", "--clamd=here", "--clamd=udp:1.2.3.4:5", "--s3-endpoint=x --s3-credentials=" + secret,
		"--s3-endpoint=x --s3-credentials=" + filepath.Join(dir, "none"), "--readers=-1", "--reader-deadline=1ms", "--reader-deadline=1h", "--reader-memory=1",
		"--shards=0", "--shards=100000", "--replicas=0", "--replicas=6", "--max-bytes=-5", "--max-bytes=0", "--retries=-1", "--retries=0", "--crashes=-1",
		"--max-pages=-1", "--rules=" + rules, "--forms=" + filepath.Join(dir, "none"), "--templates=" + rules,
	} {
		args := strings.Fields(arg)
		code, _, errOut := docsaga(t, append([]string{"run", pdf}, args...)...)
		name, _, _ := strings.Cut(args[len(args)-1], "=")
		if code != exitUsage || !strings.Contains(errOut, name) {
			t.Errorf("%s: exit code %d, error %q, want %d and the flag named", arg, code, errOut, exitUsage)
		}
		if strings.Contains(errOut, "hunter2") {
			t.Errorf("%s: the error tells a secret: %s", arg, errOut)
		}
	}
}

func TestClamdIsNamedByASocketOrAnAddress(t *testing.T) {
	for s, want := range map[string][2]string{
		"/run/clamd.sock": {"unix", "/run/clamd.sock"}, "unix:/run/clamd.sock": {"unix", "/run/clamd.sock"}, "tcp:[::1]:3310": {"tcp", "[::1]:3310"},
	} {
		network, address, err := clamdAddress(s)
		if err != nil || network != want[0] || address != want[1] {
			t.Errorf("%s: %s %s, %v, want %v", s, network, address, err, want)
		}
	}
}

func TestARuleOfTheUsersOwnRefuses(t *testing.T) {
	dir := t.TempDir()
	invoice, rules := filepath.Join(dir, "invoice.pdf"), filepath.Join(dir, "rules.yaml")
	for path, content := range map[string][]byte{
		invoice: samples.EInvoice(samples.Example()),
		rules:   []byte("rules:\n  - id: ACME-1\n    text: Nothing is bought.\n    severity: reject\n    holds: totals.grand = 0\n"),
	} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("DOCSAGA_RULES", rules)
	_, out, errOut := docsaga(t, "run", "-o", "json", "--durability", "relaxed", invoice)
	var reports []report
	if err := json.Unmarshal([]byte(out), &reports); err != nil || len(reports) != 1 {
		t.Fatalf("%v: %s", err, errOut)
	}
	if r := reports[0]; r.Stop == nil || r.Stop.Step != "validation" || r.Stop.Reason != "invoice-rules" {
		t.Errorf("ended %s %s, want it rejected by the rule", r.State, r.stopText())
	}
}

func TestThePageLimitHoldsForSecurityToo(t *testing.T) {
	pdf := filepath.Join(t.TempDir(), "a.pdf")
	if err := os.WriteFile(pdf, samples.Document{Pages: []string{"1", "2", "3"}}.PDF(), 0o600); err != nil {
		t.Fatal(err)
	}
	_, out, errOut := docsaga(t, "run", "-o", "json", "--durability", "relaxed", "--max-pages", "2", pdf)
	var reports []report
	if err := json.Unmarshal([]byte(out), &reports); err != nil || len(reports) != 1 {
		t.Fatalf("%v: %s", err, errOut)
	}
	if got := reports[0].stopText(); got != "security: too-large" {
		t.Errorf("stopped at %s, want security: too-large", got)
	}
}
