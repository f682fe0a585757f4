package events

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// MaxSealed is the greatest length of an event's data when it is sealed.
const MaxSealed = MaxData*4/3 + 16<<10

// sealedPrefix is what sealed data begins with.
const sealedPrefix = `{"sealed":"`

// IsSealed reports whether an event's data is a [Sealed].
func IsSealed(data []byte) bool { return bytes.HasPrefix(data, []byte(sealedPrefix)) }

// A Sealed is what the log holds in place of an event's data that only those
// can read who have the document's key; see package seal. What decides, and who
// asked for it, stays readable.
type Sealed struct {
	Box   []byte `json:"sealed"`
	Error *Error `json:"error,omitempty"` // without its message
	By    *By    `json:"by,omitempty"`    // without the reason
	// State is that of a migration.
	State json.RawMessage `json:"state,omitempty"`
}

// Outside returns what stays readable when an event's data is sealed.
func (e *Event) Outside() Sealed {
	var s Sealed
	if e.Result == Completed || e.Slot.Kind == Submitted {
		return s // there is no error, and no command; it need not be read
	}
	d, err := ParseData(e.Data)
	if err != nil {
		return s
	}
	if d.Error != nil {
		s.Error = &Error{Code: d.Error.Code}
	}
	if d.By != nil {
		s.By = &By{Actor: d.By.Actor}
	}
	s.State = d.State
	return s
}

// IsBare reports whether an event's data holds nothing that would have to be
// sealed: nothing but a code, and who asked for it.
func (e *Event) IsBare() bool {
	if len(e.Data) <= len("{}") || e.Slot.Kind == Forgotten || e.Slot.Kind == Changed {
		return true
	}
	if e.Result == Completed || e.Slot.Kind == Submitted {
		return false
	}
	d, err := ParseData(e.Data)
	return err == nil && len(d.Output) == 0 && len(d.Context) == 0 &&
		(d.Error == nil || d.Error.Message == "") && (d.By == nil || d.By.Reason == "")
}

// Marshal returns the sealed data as the log holds it.
func (s Sealed) Marshal() ([]byte, error) {
	b := make([]byte, 0, len(sealedPrefix)+base64.StdEncoding.EncodedLen(len(s.Box))+2)
	b = base64.StdEncoding.AppendEncode(append(b, sealedPrefix...), s.Box)
	b = append(b, '"')
	if s.Error != nil || s.By != nil || s.State != nil {
		rest, err := json.Marshal(Data{Error: s.Error, By: s.By, State: s.State})
		if err != nil {
			return nil, fmt.Errorf("events: sealed data: %w", err)
		}
		return append(append(b, ','), rest[1:]...), nil
	}
	return append(b, '}'), nil
}

// SealedBox returns the box of sealed data. It does not check what stands
// beside it.
func SealedBox(data []byte) ([]byte, error) {
	rest := data[min(len(data), len(sealedPrefix)):]
	end := bytes.IndexByte(rest, '"')
	if !IsSealed(data) || end < 0 {
		return nil, fmt.Errorf("events: sealed data: no box: %w", ErrBadEvent)
	}
	box, err := base64.StdEncoding.AppendDecode(nil, rest[:end])
	if err != nil {
		return nil, fmt.Errorf("events: sealed data: %w: %w", err, ErrBadEvent)
	}
	return box, nil
}

// ParseSealed reads sealed data. The error wraps [ErrBadEvent].
func ParseSealed(data []byte) (Sealed, error) {
	var s Sealed
	if err := json.Unmarshal(data, &s); err != nil {
		return Sealed{}, fmt.Errorf("events: sealed data: %w: %w", err, ErrBadEvent)
	}
	return s, nil
}

// Erase returns what readers get in place of sealed data of a document that was
// forgotten.
func (s Sealed) Erase(route Route) ([]byte, error) {
	return Data{Error: s.Error, By: s.By, State: s.State, Erased: true, Route: route}.Marshal()
}

// Erased reports whether what was delivered is erased: the log holds it sealed,
// and its key was destroyed. That data says of itself that it is erased does
// not count, for any service may write so.
func (d *Delivery) Erased() bool { return IsSealed(d.Data) && d.Event.Erased() }

// Erased reports whether the event's data says that it is erased. Whoever wrote
// it may say so of an open document; see [Delivery.Erased].
func (e *Event) Erased() bool {
	if !bytes.Contains(e.Data, []byte(`"erased":true`)) {
		return false
	}
	d, err := ParseData(e.Data)
	return err == nil && d.Erased
}
