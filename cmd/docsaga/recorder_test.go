package main

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events/audit"
)

func TestWhatAProcessHostsIsSignedAsItComes(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(t.TempDir(), "audit.key")
	if code, _, errOut := docsaga(t, "audit", "keygen", key, "--name", "example.org/test"); code != exitOK {
		t.Fatal(errOut)
	}
	sys := startLog(t, dir)
	sys.app.settings.data = dir
	f := auditFlags{key: key, every: 20 * time.Millisecond}
	err := sys.host(t.Context(), parts{audit: f}, func(ctx context.Context) error {
		fill(t, sys, 30) //nolint:contextcheck // it has the test's
		for signed := 0; signed < 210+changesAtStart; {
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			signed = 0
			for shard := range sys.log.Shards() {
				signed += covered(t, filepath.Join(dir, "audit", "log-"+string(rune('0'+shard))), key)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	code, out, errOut := docsaga(t, "audit", "verify", "--nats", sys.broker.URL(), "--data", dir, "--audit-pub", key+".pub", "-o", "json")
	var r audit.Result
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != exitOK || r.Uncovered != 0 || r.Events != 210+changesAtStart {
		t.Errorf("code %d, %v, %s%s", code, err, out, errOut)
	}
}

// covered returns how many events the newest checkpoint of a log covers.
func covered(t *testing.T, log, key string) int {
	t.Helper()
	all, err := audit.ReadCheckpoints(filepath.Join(log, "checkpoints"))
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := audit.LoadPublicKey(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	for _, signed := range slices.Backward(all) {
		if c, err := audit.OpenCheckpoint(signed, verifier); err == nil { // the last may be half written
			return int(c.Size)
		}
	}
	return 0
}

func TestARecorderWantsItsKeyAtTheStart(t *testing.T) {
	sys := startLog(t, t.TempDir())
	err := sys.host(t.Context(), parts{audit: auditFlags{key: filepath.Join(t.TempDir(), "none"), every: time.Second}}, func(context.Context) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "private key") {
		t.Errorf("got %v", err)
	}
}
