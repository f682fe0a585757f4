package signed

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/docsaga/docsaga/events"
)

// ErrBadKey reports a file that holds no key, or no signers.
var ErrBadKey = errors.New("want an Ed25519 key, as docsaga signer new makes it")

// A Signer is one whose events are trusted.
type Signer struct {
	Name    string     `json:"name"`
	Key     []byte     `json:"key"` // public
	Sources []string   `json:"sources"`
	Revoked *time.Time `json:"revoked,omitempty"` // what the log has stored since is refused
}

// Signers are all that are trusted.
type Signers struct {
	List []Signer
	From time.Time // what was stored before needs no signature
}

func keyID(public []byte) string {
	digest := sha256.Sum256(public)
	return hex.EncodeToString(digest[:8])
}

// ID returns the key's id.
func (s *Signer) ID() string { return keyID(s.Key) }

// speaksFor reports whether a signer may write events of a source.
func (s *Signer) speaksFor(source string) bool {
	for _, pattern := range s.Sources {
		if prefix, open := strings.CutSuffix(pattern, "*"); open && strings.HasPrefix(source, prefix) || pattern == source {
			return true
		}
	}
	return false
}

// NewKey makes a key pair, and writes the private key to a file that must not
// exist, readable by its owner only.
func NewKey(path, name string, sources []string) (Signer, error) {
	s := Signer{Name: name, Sources: sources}
	if err := events.CheckID(name); err != nil {
		return s, fmt.Errorf("signed: name of a signer: %w", err)
	}
	if len(sources) == 0 {
		return s, fmt.Errorf("signed: signer %s: say whose events it may sign: %w", name, ErrBadKey)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return s, fmt.Errorf("signed: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return s, fmt.Errorf("signed: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return s, fmt.Errorf("signed: %w", err)
	}
	s.Key = public
	if err := errors.Join(pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: der}), f.Sync(), f.Close()); err != nil {
		return s, fmt.Errorf("signed: %w", err)
	}
	return s, nil
}

// LoadKey reads a private key. No error says anything of its content.
func LoadKey(path string) (ed25519.PrivateKey, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("signed: private key: %w", err)
	}
	block, _ := pem.Decode(raw)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("signed: %s: %w", path, ErrBadKey)
	}
	any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := any.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("signed: %s: %w", path, ErrBadKey)
	}
	return key, nil
}

// ReadSigners reads a file of signers; see the package comment.
func ReadSigners(raw []byte) (Signers, error) {
	var all Signers
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	names, keys := make(map[string]bool), make(map[string]bool)
	for number := 1; ; number++ {
		var line struct {
			Signer
			From *time.Time `json:"from"`
		}
		err := d.Decode(&line)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return all, fmt.Errorf("signed: signer %d: %w: %w", number, ErrBadKey, err)
		}
		if line.From != nil && line.Name == "" {
			all.From = line.From.UTC()
			continue
		}
		s := line.Signer
		if events.CheckID(s.Name) != nil || names[s.Name] || len(s.Key) != ed25519.PublicKeySize || keys[s.ID()] || len(s.Sources) == 0 {
			return all, fmt.Errorf("signed: signer %d, %.80q: want a name and a key of its own, and sources: %w", number, s.Name, ErrBadKey)
		}
		names[s.Name], keys[s.ID()] = true, true
		all.List = append(all.List, s)
	}
	if len(all.List) == 0 {
		return all, fmt.Errorf("signed: there is no signer in the file: %w", ErrBadKey)
	}
	return all, nil
}

// Marshal returns the file of signers.
func (all *Signers) Marshal() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	if !all.From.IsZero() {
		if err := enc.Encode(map[string]time.Time{"from": all.From}); err != nil {
			return nil, fmt.Errorf("signed: %w", err)
		}
	}
	for _, s := range all.List {
		if err := enc.Encode(s); err != nil {
			return nil, fmt.Errorf("signed: %w", err)
		}
	}
	return b.Bytes(), nil
}
