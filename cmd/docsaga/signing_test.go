package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/docsaga/docsaga/events"
)

// newSigner makes a key, and a file of signers with it, and returns the flags
// that use both.
func newSigner(t *testing.T, source string) (flags []string, signers string) {
	t.Helper()
	key, signers := filepath.Join(t.TempDir(), "key.pem"), filepath.Join(t.TempDir(), "signers.jsonl")
	code, line, errOut := docsaga(t, "signer", "new", "one", key, "--source", source)
	if code != exitOK {
		t.Fatal(errOut)
	}
	if err := os.WriteFile(signers, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--sign-key", key, "--signers", signers, "--require-signed"}, signers
}

func TestAWholeRunIsSigned(t *testing.T) {
	flags, _ := newSigner(t, "*")
	dir := t.TempDir()
	code, out, errOut := docsaga(t, append([]string{"run", "--data", dir, "--durability", "relaxed"}, flags...)...)
	if code != exitOK {
		t.Fatalf("code %d: %s%s", code, out, errOut)
	}
	code, out, errOut = docsaga(t, append([]string{"verify", "--store", dir}, flags...)...)
	if code != exitOK || !strings.Contains(out, "0 of them no event, 0 not signed") {
		t.Errorf("verify: code %d: %s%s", code, out, errOut)
	}
	other, _ := newSigner(t, "*")
	if _, out, _ = docsaga(t, append([]string{"verify", "--store", dir}, other...)...); strings.Contains(out, " 0 not signed") {
		t.Errorf("verify by another key finds all signed:\n%s", out)
	}
}

func TestAnUnsignedOutcomeIsSetAsideAndTheOthersGoOn(t *testing.T) {
	flags, signers := newSigner(t, "*")
	sys := startLog(t, t.TempDir())
	sys.app.settings.signing = signing{key: flags[1], signers: signers, required: true}
	if err := sys.open(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	for _, document := range []string{"good", "forged"} {
		for i, e := range story(document, 5) {
			if document == "forged" && i == 2 {
				if _, err := sys.nc.RequestMsg(&nats.Msg{Subject: e.Slot.Subject(), Header: e.Header(), Data: e.Data}, 5*time.Second); err != nil {
					t.Fatal(err)
				}
				break
			}
			if _, err := sys.log.Write(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
	}
	url := sys.broker.URL()
	_, out, _ := docsaga(t, append([]string{"history", "forged", "--nats", url}, flags...)...)
	if !strings.Contains(out, "docsaga.security.failed") || !strings.Contains(out, events.CodeUnsigned) {
		t.Errorf("the forged document's history is\n%s", out)
	}
	_, out, _ = docsaga(t, append([]string{"list", "--nats", url}, flags...)...)
	if !strings.Contains(out, "good") || strings.Count(out, "completed")+strings.Count(out, "verified") != 1 {
		t.Errorf("the list is\n%s", out)
	}
	_, out, _ = docsaga(t, append([]string{"verify", "--nats", url, "--grace", "1h"}, flags...)...)
	if !strings.Contains(out, " 1 not signed") {
		t.Errorf("verify says\n%s", out)
	}
	if _, out, _ = docsaga(t, "verify", "--nats", url, "--grace", "1h"); !strings.Contains(out, " 0 not signed") {
		t.Errorf("verify, not asked for signatures, says\n%s", out)
	}
}

func TestASignerIsRevoked(t *testing.T) {
	_, signers := newSigner(t, "/docsaga/services/location")
	if code, _, errOut := docsaga(t, "signer", "revoke", "one", "--signers", signers); code != exitOK {
		t.Fatal(errOut)
	}
	code, out, errOut := docsaga(t, "signer", "list", "--signers", signers)
	if code != exitOK || !strings.Contains(out, time.Now().UTC().Format("2006-")) || !strings.Contains(out, "/docsaga/services/location") {
		t.Errorf("code %d, %s%s", code, out, errOut)
	}
	for want, args := range map[int][]string{
		exitNotFound: {"signer", "revoke", "two", "--signers", signers},
		exitUsage:    {"verify", "--require-signed"},
	} {
		if code, _, errOut := docsaga(t, args...); code != want {
			t.Errorf("%q: code %d, want %d: %s", args, code, want, errOut)
		}
	}
}
