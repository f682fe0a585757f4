package verify

import (
	"cmp"
	"slices"

	"github.com/docsaga/docsaga/events"
)

// Submissions checks the record of what was submitted. It is called after all
// messages.
func (c *Checker) Submissions(list []Submission) {
	c.findings[1].Skipped = ""
	for _, s := range list {
		c.findings[1].Checked++
		d := c.documents[s.Document]
		if s.Answered && (d == nil || d.submitted == 0) {
			c.breach(1, s.Document, "its submission was accepted and is not in the log")
		}
		if s.Refused && d != nil {
			c.breach(1, s.Document, "its submission was refused and is in the log")
		}
	}
	c.delays(list)
}

// Effects checks the effects that exist of the named steps against the log.
// It is called after all messages.
func (c *Checker) Effects(steps []events.StepID, list []Effect) {
	c.findings[4].Skipped = ""
	exist := make(map[Effect]int, len(list))
	for _, e := range list {
		exist[e]++
	}
	of := make(map[uint32]bool)
	for _, id := range steps {
		of[c.step(id)] = true
	}
	for id, d := range c.documents {
		for i := range d.events {
			o := &d.events[i]
			if o.ref.kind != events.Outcome || !of[o.ref.step] {
				continue
			}
			c.findings[4].Checked++
			key := Effect{Document: id, Step: c.names[o.ref.step], Visit: int(o.ref.visit)}
			n := exist[key]
			delete(exist, key)
			undone, byHand := d.undone(o.ref)
			want := 0
			if o.result == events.Completed && !undone {
				want = 1
			}
			if n != want && !byHand && o.writer != operator {
				c.breach(4, id, "%s.%d is %s (undone: %t) and has %d effects, not %d", key.Step, key.Visit, o.result, undone, n, want)
			}
		}
	}
	for key, n := range exist {
		if c.archived(key.Document) {
			continue
		}
		c.breach(4, key.Document, "%s.%d has no outcome and %d effects", key.Step, key.Visit, n)
	}
}

// undone reports whether a visit was undone, and whether a person said so.
func (d *document) undone(outcome reference) (undone, byHand bool) {
	for i := range d.events {
		e := &d.events[i]
		if e.ref.kind == events.Undone && e.ref.step == outcome.step && e.ref.visit == outcome.visit && e.result == events.Completed {
			return true, e.writer == operator
		}
	}
	return false, false
}

// Finish checks each document and returns what was found.
func (c *Checker) Finish() Report {
	c.report.Documents = len(c.documents)
	for id, d := range c.documents {
		slices.SortFunc(d.events, func(a, b event) int { return cmp.Compare(a.seq, b.seq) })
		c.ends(id, d)
		c.once(id, d)
		if c.archived(id) {
			c.report.Archived++
			continue
		}
		graph, ok := c.graph(id, d)
		if !ok {
			continue
		}
		c.causes(id, d, graph)
		c.undos(id, d, graph)
	}
	c.report.Findings = c.findings[1:]
	slices.SortStableFunc(c.report.Breaches, func(a, b Breach) int {
		return cmp.Or(cmp.Compare(a.Invariant, b.Invariant), cmp.Compare(a.Document, b.Document))
	})
	return c.report
}

// ends checks that a document has ended, and that this was the end.
func (c *Checker) ends(id events.DocumentID, d *document) {
	c.findings[2].Checked++
	if d.submitted == 0 {
		c.breach(1, id, "it has %d events and was never submitted", len(d.events))
	}
	at := -1
	for i := range d.events {
		e := &d.events[i]
		switch {
		case e.ref.kind == events.Ended && at < 0:
			at = i
			c.report.Ended[e.result.String()]++
		case e.ref.kind == events.Ended:
			c.breach(2, id, "it has ended twice")
		case at >= 0 && e.writer != operator && !e.ref.kind.OfDocument():
			c.breach(2, id, "%s came after the end", c.name(e.ref))
		}
	}
	if at >= 0 {
		return
	}
	c.report.Open++
	if c.conf.OpenAfter.IsZero() || d.at.Before(c.conf.OpenAfter) {
		c.breach(2, id, "it has not ended; the last event is %s", c.name(d.events[len(d.events)-1].ref))
	}
}

// once checks that no slot was decided twice.
func (c *Checker) once(id events.DocumentID, d *document) {
	for i := range d.events {
		if k := d.events[i].ref.kind; k == events.Outcome || k == events.Undone {
			c.findings[3].Checked++
		}
		for j := range i {
			if d.events[i].ref == d.events[j].ref {
				c.breach(3, id, "%s stands at %d and at %d", c.name(d.events[i].ref), d.events[j].seq, d.events[i].seq)
			}
		}
	}
}

func (c *Checker) name(r reference) string {
	slot := events.Slot{Document: "-", Step: c.names[r.step], Visit: int(r.visit), Kind: r.kind, Again: int(r.again)}
	return slot.ID()[2:]
}
