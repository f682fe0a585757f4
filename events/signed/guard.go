package signed

import (
	"crypto/ed25519"
	"fmt"

	"github.com/docsaga/docsaga/events"
)

// A Guard signs and checks the events of a log.
type Guard struct {
	key      ed25519.PrivateKey // nil: nothing is signed
	keyID    string
	required bool
	signers  Signers
	byID     map[string]*Signer
}

// NewGuard returns a guard that signs with the key, unless it is nil, and
// refuses what none of the signers has signed, unless they are nil.
func NewGuard(key ed25519.PrivateKey, signers *Signers) (*Guard, error) {
	g := &Guard{key: key, byID: make(map[string]*Signer)}
	if key != nil {
		public, ok := key.Public().(ed25519.PublicKey)
		if !ok {
			return nil, fmt.Errorf("signed: %w", ErrBadKey)
		}
		g.keyID = keyID(public)
	}
	if signers != nil {
		g.required, g.signers = true, *signers
		for i := range signers.List {
			g.byID[signers.List[i].ID()] = &signers.List[i]
		}
	}
	return g, nil
}

// Sign is part of events.Guard.
func (g *Guard) Sign(e *events.Event) error {
	if g.key == nil {
		return nil
	}
	e.Signature = ""
	payload, err := material(attributes(e, e.HeaderLines()), e.Data, extensions())
	if err != nil {
		return fmt.Errorf("signed: %s: %w", e.ID(), err)
	}
	e.Signature, err = seal(payload, g.keyID, g.key)
	return err
}

// Check is part of events.Guard.
func (g *Guard) Check(e *events.Event, m events.Message) error {
	if !g.required || !e.At.IsZero() && e.At.Before(g.signers.From) {
		return nil
	}
	if e.Signature == "" {
		return fmt.Errorf("signed: it has no signature: %w", events.ErrUnsigned)
	}
	env, err := open(e.Signature)
	if err != nil {
		return fmt.Errorf("signed: %w: %w", err, events.ErrUnsigned)
	}
	signer, err := g.signer(&env, e)
	if err != nil {
		return err
	}
	payload, err := material(attributes(e, m.Header), m.Data, extensions())
	if err != nil {
		return fmt.Errorf("signed: %w: %w", err, events.ErrUnsigned)
	}
	if payload != [size]byte(env.Payload) {
		return fmt.Errorf("signed: the signature by %s is of another event: %w", signer.Name, events.ErrUnsigned)
	}
	return nil
}

// signer returns who has signed the envelope and may write the event.
func (g *Guard) signer(env *envelope, e *events.Event) (*Signer, error) {
	why := "no signer that is known has signed it"
	for _, sig := range env.Signatures[:min(len(env.Signatures), maxSignatures)] {
		s := g.byID[sig.KeyID]
		switch {
		case s == nil:
		case !s.speaksFor(e.Source):
			why = fmt.Sprintf("%s may not sign for %.100q", s.Name, e.Source)
		case s.Revoked != nil && !e.At.Before(*s.Revoked):
			why = fmt.Sprintf("the key of %s was revoked before it was stored", s.Name)
		case !ed25519.Verify(s.Key, preAuth(env.Payload), sig.Sig):
			why = fmt.Sprintf("the signature by %s does not hold", s.Name)
		default:
			return s, nil
		}
	}
	return nil, fmt.Errorf("signed: %s: %w", why, events.ErrUnsigned)
}

// maxSignatures is how many signatures of an event are looked at.
const maxSignatures = 4
