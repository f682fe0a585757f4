package signed

import (
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func newKey(t testing.TB, name string, sources ...string) (Signer, ed25519.PrivateKey) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".pem")
	s, err := NewKey(path, name, sources)
	if err != nil {
		t.Fatal(err)
	}
	key, err := LoadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	return s, key
}

func TestAPrivateKeyIsItsOwnersOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pem")
	if _, err := NewKey(path, "a", []string{"*"}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := NewKey(path, "a", []string{"*"}); !errors.Is(err, os.ErrExist) {
		t.Errorf("a key was overwritten: %v", err)
	}
}

func TestABadKeyFileTellsNothingOfItsContent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pem")
	for _, content := range []string{"", "hush", "-----BEGIN PRIVATE KEY-----\naHVzaA==\n-----END PRIVATE KEY-----\n"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadKey(path); !errors.Is(err, ErrBadKey) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v", content, err)
		}
	}
}

func TestSignersComeBackFromTheirFile(t *testing.T) {
	a, _ := newKey(t, "a", "/docsaga/services/a")
	b, _ := newKey(t, "b", "/docsaga/*")
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	b.Revoked = &at
	raw, err := (&Signers{List: []Signer{a, b}, From: at}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadSigners(raw)
	if err != nil || len(got.List) != 2 || !got.From.Equal(at) || got.List[0].ID() != a.ID() || !got.List[1].Revoked.Equal(at) {
		t.Errorf("got %+v, %v", got, err)
	}
	line := strings.SplitAfter(string(raw), "\n")[1]
	for name, bad := range map[string]string{
		"none": "", "no JSON": "x", "twice": line + line, "no source": strings.Replace(line, `["/docsaga/services/a"]`, "[]", 1),
		"another field": `{"name":"a","secret":"x"}`, "a short key": `{"name":"a","key":"YQ==","sources":["*"]}`,
	} {
		if _, err := ReadSigners([]byte(bad)); !errors.Is(err, ErrBadKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASignerSpeaksForItsSources(t *testing.T) {
	s := Signer{Sources: []string{"/docsaga/services/a", "/docsaga/notices/*"}}
	for source, want := range map[string]bool{
		"/docsaga/services/a": true, "/docsaga/services/ab": false, "/docsaga/notices/1": true, "/docsaga/": false, "": false,
	} {
		if s.speaksFor(source) != want {
			t.Errorf("%q: %v, want %v", source, !want, want)
		}
	}
}
