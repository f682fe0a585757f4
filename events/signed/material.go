package signed

import (
	"crypto/sha256"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/docsaga/docsaga/events"
)

// size is how long a payload is.
const size = sha256.Size

var errTime = errors.New("its time is no RFC 3339")

// material returns the digest that is signed: of an event's attributes, with
// those that a header percent-encodes decoded, and of its data.
func material(attribute func(name string) string, data []byte, extensions []string) ([size]byte, error) {
	at := attribute("time")
	if at != "" {
		t, err := time.Parse(time.RFC3339Nano, at)
		if err != nil {
			return [size]byte{}, errTime
		}
		at = t.UTC().Format(time.RFC3339)
	}
	digests := make([]byte, 0, (9+2*len(extensions))*size)
	add := func(value string) {
		digest := sha256.Sum256([]byte(value))
		digests = append(digests, digest[:]...)
	}
	for _, name := range [...]string{"id", "source", "specversion", "type", "datacontenttype", "dataschema", "subject"} {
		add(attribute(name))
	}
	add(at)
	digest := sha256.Sum256(data)
	digests = append(digests, digest[:]...)
	for _, name := range extensions {
		add(name)
		add(attribute(name))
	}
	return sha256.Sum256(digests), nil
}

// attributes returns what gives the attributes of an event that is, or will
// be, stored with these headers.
func attributes(e *events.Event, h events.HeaderLines) func(string) string {
	return func(name string) string {
		switch name {
		case "source":
			return e.Source
		case "sagadefinition":
			return e.Slot.Definition
		case "sagaversion":
			return strconv.Itoa(e.Slot.Version)
		}
		value := h.Get("ce-" + name)
		if strings.Contains(value, "%") {
			if decoded, err := url.PathUnescape(value); err == nil {
				return decoded
			}
		}
		return value
	}
}

// extensions are the attributes that a signature must cover.
func extensions() []string { return strings.Split(events.SignedAttributes, ",") }
