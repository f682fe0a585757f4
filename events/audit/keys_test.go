package audit_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/events/audit"
)

func TestKeysAreWrittenOnceAndForTheirOwnerOnly(t *testing.T) {
	_, _, path := newKeys(t)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, error %v, want 0600", info.Mode(), err)
	}
	before, _ := os.ReadFile(path)
	if _, err := audit.GenerateKey(path, "x"); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second key: error %v, want ErrExist", err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("the key was overwritten")
	}
	secret := strings.TrimSpace(string(before))
	if err := os.WriteFile(path, []byte(secret+"x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := audit.LoadKey(path); err == nil || strings.Contains(err.Error(), secret[len(secret)-20:]) {
		t.Errorf("error %v, want one that does not show the key", err)
	}
}
