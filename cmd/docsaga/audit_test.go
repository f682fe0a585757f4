package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAnExportedDocumentVerifiesWithNothingButFileKeyAndProgram(t *testing.T) {
	s := newCrimeScene(t, 20)
	url := s.open(t)
	alone := t.TempDir()
	file, key := filepath.Join(alone, "doc.json"), filepath.Join(alone, "key.pub")
	public, err := os.ReadFile(s.key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key, public, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := docsaga(t, "audit", "export", "doc-0", file, "--nats", url, "--data", s.dir, "--audit-pub", key); code != exitOK {
		t.Fatal(errOut)
	}
	_, proved, _ := docsaga(t, "audit", "prove", "doc-0", "--nats", url, "--data", s.dir, "--audit-pub", key)
	t.Chdir(alone)
	t.Setenv("DOCSAGA_NATS", "nats://127.0.0.1:1")
	code, out, errOut := docsaga(t, "audit", "verify", "doc.json", "--audit-pub", "key.pub")
	if code != exitOK || out != proved || strings.Count(out, "docsaga.") != 7 || !strings.Contains(out, "sha256:") {
		t.Errorf("code %d: %s%s\nprove says %s", code, out, errOut, proved)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(raw); at += 1 + len(raw)/50 {
		changed := bytes.Clone(raw)
		changed[at] ^= 1
		if err := os.WriteFile(file, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, _ := docsaga(t, "audit", "verify", "doc.json", "--audit-pub", "key.pub"); code != exitFailed {
			t.Errorf("byte %d of %d changed: code %d, want %d", at, len(raw), code, exitFailed)
		}
	}
}

func TestAuditSaysWhatItNeeds(t *testing.T) {
	dir := t.TempDir()
	tests := map[string]struct {
		args []string
		code int
		says string
	}{
		"no public key":    {[]string{"audit", "verify"}, exitUsage, "--audit-pub"},
		"no private key":   {[]string{"audit", "checkpoint"}, exitUsage, "--audit-key"},
		"missing key":      {[]string{"audit", "verify", "--audit-pub", filepath.Join(dir, "none")}, exitNotFound, "none"},
		"missing document": {[]string{"audit", "prove", "a.b"}, exitUsage, "--audit-pub"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if code, _, errOut := docsaga(t, tt.args...); code != tt.code || !strings.Contains(errOut, tt.says) {
				t.Errorf("code %d, %q; want code %d and %q", code, errOut, tt.code, tt.says)
			}
		})
	}
}
