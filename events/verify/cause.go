package verify

import (
	"slices"

	"github.com/docsaga/docsaga/events"
)

// causes checks that each event follows from one before.
func (c *Checker) causes(id events.DocumentID, d *document, g *Graph) {
	for i := range d.events {
		e := &d.events[i]
		if e.ref.kind == events.Submitted {
			continue
		}
		c.findings[5].Checked++
		before := d.events[:i]
		switch {
		case e.caused == unnamed && (e.ref.kind == events.Cancel || e.ref.kind == events.Compensate):
			// a person needs no cause
		case e.caused == unnamed:
			c.breach(5, id, "%s names no cause", c.name(e.ref))
		case e.caused == foreign:
			c.breach(5, id, "%s names a cause that is not an event of its document", c.name(e.ref))
		case !has(before, e.cause):
			c.breach(5, id, "%s names %s as its cause, which is not before it", c.name(e.ref), c.name(e.cause))
		case !c.leads(before, e, g):
			c.breach(5, id, "%s (%s) does not follow from %s or what came before", c.name(e.ref), e.result, c.name(e.cause))
		}
	}
}

func has(list []event, r reference) bool {
	return slices.ContainsFunc(list, func(e event) bool { return e.ref == r })
}

// leads reports whether what came before leads to an event.
func (c *Checker) leads(before []event, e *event, g *Graph) bool {
	visit := reference{step: e.ref.step, visit: e.ref.visit, again: 1}
	switch e.ref.kind {
	case events.Outcome:
		return c.leadsToOutcome(before, e, g)
	case events.Redo:
		visit.visit--
		visit.kind = events.Outcome
		return has(before, visit) || e.writer == operator // a visit may wait for a person without an outcome
	case events.Undo:
		visit.kind = events.Outcome
		return has(before, visit)
	case events.Undone:
		if e.writer == operator { // resolved by hand, instead of another command
			visit.kind = events.Undo
			return has(before, visit)
		}
		command := e.ref
		command.kind = events.Undo
		return e.cause == command || e.writer == coordinator && has(before, command)
	case events.Ended, events.Cancel, events.Compensate, events.Migrate:
		return true
	case events.Forgotten:
		return slices.ContainsFunc(before, func(b event) bool { return b.ref.kind == events.Ended })
	case events.Submitted, events.Changed:
	}
	return false
}

func (c *Checker) leadsToOutcome(before []event, e *event, g *Graph) bool {
	if e.closes() {
		return true
	}
	redo := reference{step: e.ref.step, visit: e.ref.visit, kind: events.Redo, again: 1}
	if e.writer == service {
		return e.cause == redo || c.hop(e.cause, e.ref.step, g)
	}
	// A coordinator names what it saw last; a person what failed. Somewhere
	// before, a token must have come.
	return has(before, redo) || slices.ContainsFunc(before, func(b event) bool { return c.hop(b.ref, e.ref.step, g) })
}

// hop reports whether a submission or outcome may lead to a step.
func (c *Checker) hop(from reference, to uint32, g *Graph) bool {
	if from.kind != events.Outcome && from.kind != events.Submitted {
		return false
	}
	return slices.Contains(g.Next[c.names[from.step]], c.names[to])
}

// undos checks that what was done is undone in reverse order, if the document
// did not complete; and that nothing is but what did not complete itself, if
// it did.
func (c *Checker) undos(id events.DocumentID, d *document, g *Graph) {
	ended := slices.IndexFunc(d.events, func(e event) bool { return e.ref.kind == events.Ended })
	completed := ended >= 0 && d.events[ended].result == events.Completed
	if completed && g.Recalls {
		return
	}
	c.findings[6].Checked++
	var done []event // outcomes whose visit must be undone, in order
	for i := range d.events {
		e := &d.events[i]
		if step := c.names[e.ref.step]; !e.closes() && e.ref.kind == events.Outcome && e.result != events.Rejected && (g.Must[step] || g.May[step]) {
			done = append(done, *e)
		}
	}
	commands := slices.Clone(d.events)
	commands = slices.DeleteFunc(commands, func(e event) bool { return e.ref.kind != events.Undo || e.ref.again > 1 })
	if completed { // what completed stands
		done = slices.DeleteFunc(done, func(o event) bool { return o.result == events.Completed })
	}
	if g.Recalls {
		commands = nil // the order is that of what was interrupted
	}
	c.inReverse(id, d, done, commands)
	if ended < 0 {
		return
	}
	for i := range done {
		if undone, _ := d.undone(done[i].ref); !undone && g.Must[c.names[done[i].ref.step]] {
			c.breach(6, id, "it ended %s, and %s (%s) was never undone", d.events[ended].result, c.name(done[i].ref), done[i].result)
		}
	}
}

// mended reports whether a visit failed and a person had its step done anew,
// or said what came of it: then it is undone by itself, whenever that is.
func mended(d *document, o event) bool {
	return o.result == events.Failed && slices.ContainsFunc(d.events, func(e event) bool {
		return e.ref.step == o.ref.step && e.ref.visit > o.ref.visit && (e.ref.kind == events.Redo || e.ref.kind == events.Outcome && e.writer == operator)
	})
}

// inReverse checks the order of undo commands, and that each waits for the one
// before.
func (c *Checker) inReverse(id events.DocumentID, d *document, done, commands []event) {
	place := func(e event) int {
		return slices.IndexFunc(done, func(o event) bool { return o.ref.step == e.ref.step && o.ref.visit == e.ref.visit })
	}
	for i := range commands {
		at := place(commands[i])
		if at < 0 {
			c.breach(6, id, "%s is of a visit that needs none, for it stands or had no effect", c.name(commands[i].ref))
			continue
		}
		if i == 0 {
			continue
		}
		before := place(commands[i-1])
		if before >= 0 && before < at && done[at].seq < commands[i-1].seq && !mended(d, done[before]) {
			c.breach(6, id, "%s came before %s, though it was done before it", c.name(commands[i-1].ref), c.name(commands[i].ref))
		}
		last := commands[i-1].ref
		if !slices.ContainsFunc(d.events, func(e event) bool {
			return e.ref.kind == events.Undone && e.result == events.Completed && e.ref.step == last.step && e.ref.visit == last.visit && e.seq < commands[i].seq
		}) {
			c.breach(6, id, "%s came before %s was undone", c.name(commands[i].ref), c.name(last))
		}
	}
}
