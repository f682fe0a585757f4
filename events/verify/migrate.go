package verify

import (
	"maps"
	"slices"

	"github.com/docsaga/docsaga/events"
)

// belongs takes note of the version that an event is of, and reports whether
// its document follows that, or did so before it was migrated.
func (d *document) belongs(slot *events.Slot) bool {
	switch {
	case slot.Definition != d.definition:
		return false
	case slot.Version == d.version && slot.Kind == events.Migrate:
		d.left, d.version = append(d.left, d.version), slot.Visit
	}
	return slot.Version == d.version || slices.Contains(d.left, slot.Version)
}

// graph returns what the versions say together that a document has followed:
// what is undone is what the last one says, and what was under way when it was
// migrated.
func (c *Checker) graph(id events.DocumentID, d *document) (*Graph, bool) {
	g, ok := c.conf.Graph(d.definition, d.version)
	if !ok {
		c.breach(5, id, "its definition %s.%d is not deployed", d.definition, d.version)
		return nil, false
	}
	if len(d.left) == 0 {
		return g, true
	}
	all := &Graph{Next: maps.Clone(g.Next), Must: g.Must, May: g.May, Recalls: true}
	for _, version := range d.left {
		was, ok := c.conf.Graph(d.definition, version)
		if !ok {
			c.breach(5, id, "its definition %s.%d, which it has left, is not deployed", d.definition, version)
			return nil, false
		}
		for step, next := range was.Next {
			all.Next[step] = append(slices.Clone(all.Next[step]), next...)
		}
	}
	return all, true
}

// closes reports whether an event is an outcome that only keeps others out of
// a slot, because its document was migrated.
func (e *event) closes() bool {
	return e.cause.kind == events.Migrate && e.ref.kind == events.Outcome && e.result == events.Cancelled
}
