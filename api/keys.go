package api

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/docsaga/docsaga/events"
)

// A Role says what a key may do.
type Role int

// The roles, each with what the one before may. The zero Role may nothing.
const (
	Viewer    Role = iota + 1 // read
	Submitter                 // submit documents
	Operating                 // cancel, retry, resolve, compensate
	Admin                     // deploy definitions, forget documents
)

// String returns the role's word.
func (r Role) String() string {
	words := [...]string{"nobody", "viewer", "submitter", "operator", "admin"}
	if r < 0 || int(r) >= len(words) {
		return words[0]
	}
	return words[r]
}

// MarshalText returns the role's word.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the role's word.
func (r *Role) UnmarshalText(text []byte) error {
	for role := Viewer; role <= Admin; role++ {
		if role.String() == string(text) {
			*r = role
			return nil
		}
	}
	return fmt.Errorf("api: role %.40q: want viewer, submitter, operator or admin", text)
}

// A Key lets its holder in. The key itself is kept by its holder only.
type Key struct {
	Name   string   `json:"name"` // of the holder; events that it causes carry it
	Role   Role     `json:"role"`
	Groups []string `json:"groups,omitempty"` // of the holder, for tasks
	Hash   string   `json:"sha256"`           // of the key, hexadecimal
}

// Keys are all keys of a server.
type Keys []Key

// NewKey makes a key. The secret is shown once; it holds 130 random bits, so
// that a plain hash of it is safe to keep.
func NewKey(name string, role Role) (key Key, secret string, err error) {
	if err := events.CheckID(name); err != nil {
		return Key{}, "", fmt.Errorf("api: name of a key: %w", err)
	}
	if role < Viewer || role > Admin {
		return Key{}, "", errors.New("api: a key needs a role")
	}
	secret = "docsaga_" + rand.Text()
	return Key{Name: name, Role: role, Hash: hash(secret)}, secret, nil
}

func hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// ReadKeys reads keys from JSON, {"name","role","sha256"}, one after another.
func ReadKeys(raw []byte) (Keys, error) {
	var keys Keys
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	for {
		var k Key
		err := d.Decode(&k)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("api: key %d: %w", len(keys)+1, err)
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("api: there is no key in the file of keys")
	}
	names := make(map[string]bool)
	for i, k := range keys {
		digest, err := hex.DecodeString(k.Hash)
		if events.CheckID(k.Name) != nil || names[k.Name] || err != nil || len(digest) != sha256.Size || k.Role == 0 {
			return nil, fmt.Errorf("api: key %d, %.80q: want a name of its own, a role, and 64 hexadecimal digits of sha256", i+1, k.Name)
		}
		names[k.Name] = true
	}
	return keys, nil
}

// find returns the key of a secret. It takes the same time for all keys.
func (keys Keys) find(secret string) (Key, bool) {
	want := []byte(hash(secret))
	found, ok := Key{}, false
	for _, k := range keys {
		if subtle.ConstantTimeCompare([]byte(strings.ToLower(k.Hash)), want) == 1 {
			found, ok = k, true
		}
	}
	return found, ok
}

// named returns the key of a name.
func (keys Keys) named(name string) (Key, bool) {
	for _, k := range keys {
		if k.Name == name {
			return k, true
		}
	}
	return Key{}, false
}

// CheckListen returns an error if a server that asks for nothing would be
// reachable from another machine at that address. Guarded says that it asks for
// keys or tokens.
func CheckListen(addr string, guarded bool) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("api: address %q: %w", addr, err)
	}
	if guarded || isLoopback(host) {
		return nil
	}
	return fmt.Errorf("api: %s can be reached from other machines, and there are no keys: make one with `docsaga key`, name an issuer with --oidc-issuer, or listen on 127.0.0.1", addr)
}

// isLoopback reports whether a host is this machine, by a name or number that
// nobody else can give another meaning.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip != nil && ip.IsLoopback()
}
