package audit

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// GenerateKey makes a key pair and writes it to two files: the private key to
// path, readable by its owner only, and the public key to path.pub. The name
// says whose log it speaks for, such as example.org/docsaga. It overwrites
// nothing. It returns the public key.
func GenerateKey(path, name string) (public string, err error) {
	if name == "" || strings.ContainsAny(name, "+ \t\r\n") {
		return "", fmt.Errorf("audit: key name %.80q: want no space and no plus sign", name)
	}
	private, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return "", fmt.Errorf("audit: generate key: %w", err)
	}
	if err := create(path, private, 0o600); err != nil {
		return "", fmt.Errorf("audit: %w", err)
	}
	if err := create(path+".pub", public, 0o644); err != nil {
		return "", fmt.Errorf("audit: %w", err)
	}
	return public, nil
}

func create(path, text string, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text + "\n")
	return errors.Join(err, f.Sync(), f.Close())
}

// LoadKey reads a private key. No error says anything of its content.
func LoadKey(path string) (note.Signer, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("audit: private key: %w", err)
	}
	key, err := note.NewSigner(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("audit: %s is no private key: %w", path, ErrBad)
	}
	return key, nil
}

// LoadPublicKey reads a public key.
func LoadPublicKey(path string) (note.Verifier, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("audit: public key: %w", err)
	}
	key, err := note.NewVerifier(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("audit: %s is no public key: %w", path, ErrBad)
	}
	return key, nil
}
