package security

import (
	"fmt"
	"maps"

	"github.com/docsaga/docsaga/services/security/scan"
)

// An Action is what follows from a finding.
type Action string

// The actions of a [Policy].
const (
	Allow  Action = "allow"  // it is in the output, no more
	Flag   Action = "flag"   // the same, marked for a person
	Reject Action = "reject" // the document is rejected
)

// The kinds of findings that are not from the scan of the bytes.
const (
	NeedsPassword         scan.Kind = "NeedsPassword"         // opens only with a password
	UnsupportedEncryption scan.Kind = "UnsupportedEncryption" // encrypted in a way that cannot be looked into
	AlteredSignature      scan.Kind = "AlteredSignature"      // a signature does not fit its bytes, or leaves some out
	Unreadable            scan.Kind = "Unreadable"            // pdfium takes it for no PDF, and so will parsing

	// Nobody knows what is in these, and parsing may read them all the same:
	// it reads other parts, and the machine may be less busy.
	Timeout  scan.Kind = "Timeout"  // pdfium, or for attached PDFs all of it, took too long
	TooLarge scan.Kind = "TooLarge" // too many pages, or too much memory to read it
	Crashed  scan.Kind = "Crashed"  // pdfium crashes on it
)

// A Policy says what follows from each kind of finding. A kind that is not in
// it is flagged.
type Policy map[scan.Kind]Action

// DefaultPolicy returns a policy that rejects what runs by itself or leaves
// the file, what cannot be looked into, malware and bombs.
func DefaultPolicy() Policy {
	return Policy{
		scan.JavaScript: Reject,
		scan.JS:         Reject,
		scan.Launch:     Reject,
		scan.SubmitForm: Reject,
		scan.ImportData: Reject,
		scan.GoToE:      Reject,
		scan.GoToR:      Reject,
		scan.RichMedia:  Reject,
		scan.XFA:        Reject,
		scan.Executable: Reject,
		scan.Malware:    Reject,
		scan.Bomb:       Reject,

		NeedsPassword:         Reject,
		UnsupportedEncryption: Reject,
		Timeout:               Reject,
		TooLarge:              Reject,
		Crashed:               Reject,

		scan.OpenAction:  Flag,
		scan.AA:          Flag,
		scan.Unscanned:   Flag,
		scan.Nesting:     Flag,
		AlteredSignature: Flag,
		Unreadable:       Flag,

		scan.URI:          Allow,
		scan.EmbeddedFile: Allow,
		scan.ObjStm:       Allow,
		scan.Encrypt:      Allow,
	}
}

// with returns the default policy with the changes in p.
func (p Policy) withDefaults() (Policy, error) {
	all := DefaultPolicy()
	for kind, action := range p {
		if _, known := all[kind]; !known {
			return nil, fmt.Errorf("security: policy for %q: there is no such finding", kind)
		}
		switch action {
		case Allow, Flag, Reject:
		default:
			return nil, fmt.Errorf("security: policy for %s: %q is none of allow, flag, reject", kind, action)
		}
	}
	maps.Copy(all, p)
	return all, nil
}

func (p Policy) action(kind scan.Kind) Action {
	if action, ok := p[kind]; ok {
		return action
	}
	return Flag
}

// reasonOf returns the reason code of a rejection for a kind, and its rank:
// the lowest of a document is the one that is given.
func reasonOf(kind scan.Kind) (reason string, rank int) {
	switch kind { //nolint:exhaustive // all others are active content
	case scan.Malware:
		return ReasonMalware, 0
	case scan.Bomb, scan.Nesting:
		return ReasonBomb, 1
	case NeedsPassword, UnsupportedEncryption, scan.Encrypt:
		return ReasonEncrypted, 2
	case Timeout:
		return ReasonTimeout, 4
	case TooLarge:
		return ReasonTooLarge, 5
	case Crashed:
		return ReasonUnreadable, 6
	default:
		return ReasonActiveContent, 3
	}
}

// active reports whether a kind is one of the facts about active content.
func active(kind scan.Kind) bool {
	switch kind { //nolint:exhaustive // all others are not
	case scan.JavaScript, scan.JS, scan.Launch, scan.SubmitForm, scan.ImportData,
		scan.GoToE, scan.GoToR, scan.RichMedia, scan.XFA:
		return true
	default:
		return false
	}
}
