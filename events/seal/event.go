package seal

import (
	"fmt"

	"github.com/docsaga/docsaga/events"
)

// Data returns the event's data sealed, as the log is to hold it. What is bare
// stays as it is.
func (k *Key) Data(e *events.Event) ([]byte, error) {
	if e.IsBare() {
		return e.Data, nil
	}
	s := e.Outside()
	s.Box = k.Seal(make([]byte, 0, len(e.Data)+Overhead), e.Data, e.Slot.Subject())
	return s.Marshal()
}

// OpenData returns what was sealed. The error wraps [ErrOpen].
func (k *Key) OpenData(e *events.Event) ([]byte, error) {
	box, err := events.SealedBox(e.Data)
	if err != nil {
		return nil, fmt.Errorf("seal: data of %s: %w: %w", e.ID(), ErrOpen, err)
	}
	data, err := k.Open(box, e.Slot.Subject())
	if err != nil {
		return nil, fmt.Errorf("seal: data of %s: %w", e.ID(), err)
	}
	return data, nil
}
