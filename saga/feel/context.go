package feel

import (
	"slices"
	"strings"
)

// A Scope is where the names of an expression are looked up. Lookup must give
// the same answer each time. It returns false for a name that is not there.
type Scope interface {
	Lookup(name string) (Value, bool)
}

// Entry is a key of a context with its value.
type Entry struct {
	Key   string
	Value Value
}

// Context is a value that maps keys to values and keeps their order. It is also
// a [Scope]. The zero Context is empty.
type Context struct {
	c *contextData
}

// contextData is either entries or JSON text that has not been decoded.
type contextData struct {
	entries []Entry
	index   map[string]int // nil if there are few
	raw     []byte         // a JSON object, if entries are not there
}

// indexFrom is the number of entries from which a map is faster than a look
// through them.
const indexFrom = 12

// NewContext returns a context of these entries. Of entries with the same key
// the last one counts, at the place of the first.
func NewContext(entries ...Entry) Context {
	if len(entries) == 0 {
		return Context{}
	}
	data := &contextData{entries: make([]Entry, 0, len(entries))}
	for _, e := range entries {
		data.put(e.Key, orNull(e.Value))
	}
	return Context{data}
}

func (d *contextData) find(key string) int {
	if d.index != nil {
		if i, ok := d.index[key]; ok {
			return i
		}
		return -1
	}
	for i := range d.entries {
		if d.entries[i].Key == key {
			return i
		}
	}
	return -1
}

// put is for a context that nobody else has seen.
func (d *contextData) put(key string, v Value) {
	if i := d.find(key); i >= 0 {
		d.entries[i].Value = v
		return
	}
	d.entries = append(d.entries, Entry{key, v})
	switch {
	case d.index != nil:
		d.index[key] = len(d.entries) - 1
	case len(d.entries) == indexFrom:
		d.index = make(map[string]int, 2*indexFrom)
		for i := range d.entries {
			d.index[d.entries[i].Key] = i
		}
	}
}

// Kind returns KindContext.
func (Context) Kind() Kind { return KindContext }

// Lookup returns the value of a key, so that a Context is a Scope.
func (c Context) Lookup(key string) (Value, bool) {
	switch {
	case c.c == nil:
		return nil, false
	case c.c.raw != nil:
		return lookupRaw(c.c.raw, key)
	}
	if i := c.c.find(key); i >= 0 {
		return c.c.entries[i].Value, true
	}
	return nil, false
}

// Entries returns the entries in their order. The caller must not change them.
func (c Context) Entries() []Entry {
	switch {
	case c.c == nil:
		return nil
	case c.c.raw != nil:
		return entriesOfRaw(c.c.raw)
	}
	return c.c.entries
}

// Len returns the number of entries.
func (c Context) Len() int { return len(c.Entries()) }

// With returns a copy of c in which key has this value: at its old place, or at
// the end.
func (c Context) With(key string, v Value) Context {
	return NewContext(append(slices.Clone(c.Entries()), Entry{key, v})...)
}

// String returns the context in braces.
func (c Context) String() string {
	var b strings.Builder
	b.WriteByte('{')
	for i, e := range c.Entries() {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(keyText(e.Key))
		b.WriteString(": ")
		b.WriteString(orNull(e.Value).String())
	}
	b.WriteByte('}')
	return b.String()
}

// keyText writes a key bare if it is one plain word, or quoted.
func keyText(key string) string {
	if isPlainWord(key) {
		return key
	}
	return quote(key)
}
