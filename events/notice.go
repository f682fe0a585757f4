package events

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// NoticeRoot is the first token of the subjects of notices.
const NoticeRoot = "docsaga-notices"

// The times to live of notices: what none is given has, and the greatest.
const (
	DefaultNoticeTTL = time.Hour
	MaxNoticeTTL     = 366 * 24 * time.Hour
)

const (
	headerKey    = "ce-sagakey"
	headerSignal = "ce-sagasignal"
	headerTTL    = "ce-sagattl"
)

// A Notice is a message or a signal, as BPMN means them: what a document tells
// others, or is told. A message is for one that waits for its name and key, and
// is kept for its time to live until somebody does. A signal is for all that
// wait for its name when it is told.
//
// On the wire it is a CloudEvent in NATS binary mode on the subject
// docsaga-notices.<id>, which takes one message: type is the name, sagakey the
// key, sagasignal "true" for a signal, sagattl the time to live in seconds.
type Notice struct {
	ID     string // as a DocumentID; the same notice again has the same
	Signal bool
	Name   string
	Key    string // of a message; empty correlates by name alone
	Source string // who tells it, a URI reference
	TTL    time.Duration
	Data   []byte // JSON, or nothing

	Seq uint64    // set by the log
	At  time.Time // when the log stored it, by the log's clock
}

// Check returns nil if the notice can be told.
func (n *Notice) Check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("events: notice %.80q: %s: %w", n.ID, fmt.Sprintf(format, args...), ErrBadEvent)
	}
	switch {
	case CheckID(n.ID) != nil:
		return bad("%v", CheckID(n.ID))
	case n.Name == "" || len(n.Name) > 256 || len(n.Key) > 1024:
		return bad("name of %d and key of %d bytes, want 1 to 256 and at most 1024", len(n.Name), len(n.Key))
	case n.Source == "":
		return bad("source is missing")
	case n.TTL < time.Second || n.TTL > MaxNoticeTTL:
		return bad("time to live %v, want 1 s to %v", n.TTL, MaxNoticeTTL)
	case len(n.Data) > MaxData:
		return fmt.Errorf("events: notice %s: %d bytes of data, at most %d: %w", n.ID, len(n.Data), MaxData, ErrTooLarge)
	case len(n.Data) > 0 && !json.Valid(n.Data):
		return bad("data is not JSON")
	}
	return nil
}

// Expires returns when nobody is told the notice any more.
func (n *Notice) Expires() time.Time { return n.At.Add(n.TTL) }

// Subject returns the notice's subject.
func (n *Notice) Subject() string { return NoticeRoot + "." + n.ID }

// Header returns the notice's attributes as headers of a NATS message.
func (n *Notice) Header() Header {
	h := Header{
		headerSpecVersion: {specVersion}, headerID: {n.ID}, headerSource: {encodeValue(n.Source)}, headerType: {encodeValue(n.Name)},
		headerTTL: {strconv.FormatInt(int64(n.TTL/time.Second), 10)}, headerContentType: {contentType},
	}
	if n.Key != "" {
		h[headerKey] = []string{encodeValue(n.Key)}
	}
	if n.Signal {
		h[headerSignal] = []string{"true"}
	}
	return h
}

// A Posting is a message of the stream of notices: a notice, or the claim of
// one by a slot that it is to be told to.
type Posting struct {
	Notice Notice // of a claim only its ID
	Claim  int    // its number, from 1; 0 if it is a notice
	Slot   Slot   // of a claim
}

// ClaimSubject returns the subject of the n-th claim of a notice. A claim's data is
// the subject of the slot. The n-th is looked at when the one before came too
// late: its slot had been decided otherwise.
func ClaimSubject(notice string, n int) string {
	return NoticeRoot + "." + notice + ".claim." + strconv.Itoa(n)
}

// DecodePosting reads a message of the stream of notices. The error wraps
// [ErrBadEvent].
func DecodePosting(subject string, h Header, data []byte) (Posting, error) {
	tokens := strings.Split(subject, ".")
	bad := func(format string, args ...any) (Posting, error) {
		return Posting{}, fmt.Errorf("events: notice at %.200q: %s: %w", subject, fmt.Sprintf(format, args...), ErrBadEvent)
	}
	if len(tokens) == 4 && tokens[0] == NoticeRoot && tokens[2] == "claim" {
		number, ok := parseNumber(tokens[3])
		slot, err := ParseSubject(string(data))
		if !ok || err != nil {
			return bad("claim: %v", err)
		}
		return Posting{Notice: Notice{ID: tokens[1]}, Claim: number, Slot: slot}, nil
	}
	if len(tokens) != 2 || tokens[0] != NoticeRoot {
		return bad("subject")
	}
	n := Notice{ID: tokens[1], Signal: first(h, headerSignal) == "true", TTL: DefaultNoticeTTL, Data: data}
	var err error
	for name, to := range map[string]*string{headerType: &n.Name, headerKey: &n.Key, headerSource: &n.Source} {
		if *to, err = decodeValue(first(h, name)); err != nil {
			return bad("%v", err)
		}
	}
	if ttl := first(h, headerTTL); ttl != "" {
		seconds, ok := parseNumber(ttl)
		if !ok {
			return bad("sagattl %.40q: want seconds", ttl)
		}
		n.TTL = time.Duration(seconds) * time.Second
	}
	if first(h, headerSpecVersion) != specVersion || first(h, headerID) != n.ID {
		return bad("specversion %.20q, id %.80q", first(h, headerSpecVersion), first(h, headerID))
	}
	if err := n.Check(); err != nil {
		return Posting{}, err
	}
	return Posting{Notice: n}, nil
}

// JoinID returns the parts joined by "-", as an id: what is too long or holds
// other characters is cut and ends in a hash of the whole.
func JoinID(parts ...string) string {
	whole := strings.Join(parts, "-")
	if CheckID(whole) == nil {
		return whole
	}
	b := make([]byte, 0, MaxID)
	for i := 0; i < len(whole) && len(b) < 40; i++ {
		if c := whole[i : i+1]; CheckID(c) == nil {
			b = append(b, c...)
		} else {
			b = append(b, '_')
		}
	}
	sum := sha256.Sum256([]byte(whole))
	return string(b) + "-" + hex.EncodeToString(sum[:10])
}
