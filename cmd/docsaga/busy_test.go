package main

import (
	"strings"
	"testing"
)

func TestSubmitSaysWhenTooManyDocumentsWait(t *testing.T) {
	url := waitingLog(t, "one", "two", "three")
	code, _, errOut := docsaga(t, "submit", "https://example.com/a.pdf", "--id", "more", "--nats", url, "--max-waiting", "3")
	if code != exitBusy || !strings.Contains(errOut, "busy: 3 documents wait for location, at most 3 may; try again in 10s") {
		t.Errorf("exit code %d, says %q; want %d and what is busy", code, errOut, exitBusy)
	}
	if code, _, _ := docsaga(t, "status", "more", "--nats", url); code != exitNotFound {
		t.Errorf("exit code %d for the document that was refused, want %d", code, exitNotFound)
	}
	if code, out, _ := docsaga(t, "doctor", "--nats", url, "--max-waiting", "3"); code != exitFailed || !strings.Contains(out, "busy") {
		t.Errorf("doctor: exit code %d, says %q; want %d and what is busy", code, out, exitFailed)
	}
	if code, out, _ := docsaga(t, "doctor", "--nats", url); code != exitOK || !strings.Contains(out, "most wait for location: 3") {
		t.Errorf("doctor: exit code %d, says %q; want %d and how many wait", code, out, exitOK)
	}
	for _, limit := range []string{"4", "0"} {
		if code, _, errOut := docsaga(t, "submit", "https://example.com/a.pdf", "--id", "more"+limit, "--nats", url, "--max-waiting", limit); code != exitOK {
			t.Errorf("at most %s: exit code %d, says %q; want it taken", limit, code, errOut)
		}
	}
}
