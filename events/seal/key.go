package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
)

const (
	// KeySize is the length of a key in bytes.
	KeySize = 32

	boxForm   = 1
	nameSize  = 8
	nonceSize = 12
	tagSize   = 16
	headSize  = 1 + nameSize + nonceSize
	// Overhead is how much longer a box is than what is in it.
	Overhead = headSize + tagSize
)

var (
	// ErrOpen reports a box that was not sealed with this key for this place:
	// changed, cut short, moved, or no box at all.
	ErrOpen = errors.New("does not open with its document's key")
	// ErrNoKey reports a document that has no key.
	ErrNoKey = errors.New("the document has no key")
	// ErrGone reports a document that was forgotten: its key is destroyed.
	ErrGone = errors.New("the document was forgotten")
	// ErrMaster reports that keys are wrapped with another master key than the
	// one given, or with one while none is given.
	ErrMaster = errors.New("the master key is not the one that document keys are wrapped with")
)

// A Key seals and opens boxes. It is safe for concurrent use.
type Key struct {
	raw  [KeySize]byte
	name [nameSize]byte
	aead cipher.AEAD
}

// NewKey returns the key of these bytes.
func NewKey(raw []byte) (*Key, error) {
	if len(raw) != KeySize {
		return nil, fmt.Errorf("seal: a key of %d bytes, want %d", len(raw), KeySize)
	}
	k := &Key{}
	copy(k.raw[:], raw)
	sum := sha256.Sum256(append([]byte("docsaga key"), raw...))
	copy(k.name[:], sum[:])
	block, err := aes.NewCipher(raw)
	if err == nil {
		k.aead, err = cipher.NewGCM(block)
	}
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return k, nil
}

// RandomKey returns a new key.
func RandomKey() (*Key, error) {
	raw := make([]byte, KeySize)
	_, _ = rand.Read(raw) // never fails
	return NewKey(raw)
}

// Bytes returns the key itself.
func (k *Key) Bytes() []byte { return append([]byte(nil), k.raw[:]...) }

// String does not return the key, so that no log line shows it.
func (k *Key) String() string { return "key" }

// GoString does what String does, for %#v.
func (k *Key) GoString() string { return "key" }

// Seal appends to b a box that holds the text and opens at that place only.
func (k *Key) Seal(b, text []byte, place string) []byte {
	b = append(append(b, boxForm), k.name[:]...)
	var nonce [nonceSize]byte
	_, _ = rand.Read(nonce[:]) // never fails
	b = append(b, nonce[:]...)
	return k.aead.Seal(b, nonce[:], text, []byte(place))
}

// Open returns what is in a box. The error wraps [ErrOpen].
func (k *Key) Open(box []byte, place string) ([]byte, error) {
	switch {
	case len(box) < Overhead || box[0] != boxForm:
		return nil, fmt.Errorf("seal: %d bytes are no box: %w", len(box), ErrOpen)
	case subtle.ConstantTimeCompare(box[1:1+nameSize], k.name[:]) != 1:
		return nil, fmt.Errorf("seal: a box of another key: %w", ErrOpen)
	}
	text, err := k.aead.Open(nil, box[1+nameSize:headSize], box[headSize:], []byte(place))
	if err != nil {
		return nil, fmt.Errorf("seal: a box that was changed or moved: %w", ErrOpen)
	}
	return text, nil
}
