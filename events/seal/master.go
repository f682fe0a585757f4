package seal

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/docsaga/docsaga/events"
)

// The forms in which a store keeps keys.
const (
	storedBare    = 'k'
	storedWrapped = 'w'
)

// A Master wraps the keys of documents, so that who copies the store has none
// of them. The nil Master keeps them bare.
type Master struct{ key *Key }

// NewMaster returns the master key that a file holds: 32 bytes in base64.
func NewMaster(file []byte) (*Master, error) {
	raw, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(file)))
	if err != nil {
		return nil, errors.New("seal: master key: want 32 bytes in base64")
	}
	key, err := NewKey(raw)
	if err != nil {
		return nil, fmt.Errorf("seal: master key: %w", err)
	}
	return &Master{key}, nil
}

// Wrap returns a document's key as a store keeps it.
func (m *Master) Wrap(document events.DocumentID, k *Key) []byte {
	if m == nil {
		return append([]byte{storedBare}, k.raw[:]...)
	}
	return m.key.Seal([]byte{storedWrapped}, k.raw[:], "key of "+string(document))
}

// Unwrap returns the key that a store keeps. The error wraps [ErrMaster] if it
// takes another master key.
func (m *Master) Unwrap(document events.DocumentID, stored []byte) (*Key, error) {
	if len(stored) == 0 {
		return nil, fmt.Errorf("seal: key of %s: empty", document)
	}
	switch form, rest := stored[0], stored[1:]; {
	case form == storedBare:
		return NewKey(rest)
	case form == storedWrapped && m != nil:
		raw, err := m.key.Open(rest, "key of "+string(document))
		if err != nil {
			return nil, fmt.Errorf("seal: key of %s: %w", document, ErrMaster)
		}
		return NewKey(raw)
	case form == storedWrapped:
		return nil, fmt.Errorf("seal: key of %s is wrapped: %w", document, ErrMaster)
	}
	return nil, fmt.Errorf("seal: key of %s: unknown form", document)
}
