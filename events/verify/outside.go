package verify

import (
	"maps"
	"slices"
	"time"

	"github.com/docsaga/docsaga/events"
)

// A Status is what a projection says of a document.
type Status struct {
	Document events.DocumentID
	State    string
	Seq      uint64 // of the last event that it follows from
}

// A Projection is what a projection's database holds at one moment.
type Projection struct {
	Cursors  map[int]uint64 // how far it goes in each shard
	Statuses []Status
	Digest   string // of all its rows
	Folds    []Fold // of the same events, by others
	Unfolded string // why nobody has folded the same events; empty if somebody has
}

// A Fold is what a process of its own has made of the events up to the cursors
// of a projection.
type Fold struct {
	By     string // what was special about the process
	Digest string // of all its rows
}

// A Reading is a line of the record that a reader kept, of an answer about a
// document.
type Reading struct {
	Document events.DocumentID `json:"document"`
	Asked    events.Position   `json:"asked"`    // the answer was to be of this position or a later one
	Answered events.Position   `json:"answered"` // of the last event that the answer follows from; 0-0 if the document was not found
	State    string            `json:"state"`
}

// Projected checks a projection against the log: that it has each document as
// its last event up to the cursor leaves it, no other, and that whoever folds
// the same events gets the same rows. It is called after all messages.
func (c *Checker) Projected(p Projection) {
	f := &c.findings[8]
	f.Skipped = p.Unfolded
	for _, shard := range slices.Sorted(maps.Keys(p.Cursors)) {
		f.Checked++
		if shard >= len(c.last) || p.Cursors[shard] > c.last[shard] {
			c.breach(8, "", "the projection is at %d of shard %d, which does not go that far", p.Cursors[shard], shard)
		}
	}
	rows := make(map[events.DocumentID]*Status, len(p.Statuses))
	for i := range p.Statuses {
		rows[p.Statuses[i].Document] = &p.Statuses[i]
	}
	for id, d := range c.documents {
		last, result := d.asOf(p.Cursors[events.Shard(id, c.conf.Shards)])
		row := rows[id]
		delete(rows, id)
		if last == 0 && row == nil {
			continue // the projection has not come to it yet
		}
		f.Checked++
		switch {
		case row == nil:
			c.breach(8, id, "it is not in the projection, and its event %d is", last)
		case row.Seq != last:
			c.breach(8, id, "its projection follows from event %d, not %d", row.Seq, last)
		case !fits(row.State, result):
			c.breach(8, id, "its projection says %s, and it ended %s", row.State, orOpen(result))
		}
	}
	for id := range rows {
		c.breach(8, id, "it is in the projection, and not in the log")
	}
	for _, fold := range p.Folds {
		f.Checked++
		if fold.Digest != p.Digest {
			c.breach(8, "", "a process with %s gets other rows from the same events: %.12s, not %.12s", fold.By, fold.Digest, p.Digest)
		}
	}
}

// asOf returns the sequence of a document's last event up to a position of
// its shard, and what it has ended with by then, 0 if it has not.
func (d *document) asOf(seq uint64) (last uint64, result events.Result) {
	for i := range d.events {
		e := &d.events[i]
		if e.seq > seq {
			continue
		}
		last = max(last, e.seq)
		if e.ref.kind == events.Ended && result == 0 {
			result = e.result
		}
	}
	return last, result
}

// fits reports whether a state that people are shown is that of a document
// with this result, 0 for none yet.
func fits(state string, result events.Result) bool {
	if result == 0 {
		return state == "running" || state == "compensating" || state == "incident"
	}
	return state == result.String()
}

func orOpen(r events.Result) string {
	if r == 0 {
		return "not at all"
	}
	return r.String()
}

// Read checks what readers got who asked for an answer from a position on. It
// is called after all messages.
func (c *Checker) Read(list []Reading) {
	f := &c.findings[9]
	f.Skipped = ""
	for _, r := range list {
		f.Checked++
		d := c.documents[r.Document]
		if d == nil {
			if r.Answered.Seq > 0 {
				c.breach(9, r.Document, "a reader was told of %v, and it is not in the log", r.Answered)
			}
			continue
		}
		shard := events.Shard(r.Document, c.conf.Shards)
		must := uint64(0)
		if r.Asked.Shard == shard {
			must, _ = d.asOf(r.Asked.Seq)
		}
		last, result := d.asOf(r.Answered.Seq)
		switch {
		case r.Answered.Seq < must:
			c.breach(9, r.Document, "a reader who asked from %v on was told of %v, and there was %d-%d", r.Asked, r.Answered, shard, must)
		case r.Answered.Seq == 0:
			// it was not there yet, and need not have been
		case r.Answered.Shard != shard, last != r.Answered.Seq:
			c.breach(9, r.Document, "a reader was told of %v, which is not an event of it", r.Answered)
		case !fits(r.State, result):
			c.breach(9, r.Document, "a reader was told that it is %s at %v, and it had ended %s", r.State, r.Answered, orOpen(result))
		}
	}
}

// delays checks that documents beside poisoned ones ended in their time.
func (c *Checker) delays(list []Submission) {
	poisoned := 0
	for i := range list {
		if list[i].Poisoned {
			poisoned++
		}
	}
	if poisoned == 0 {
		return
	}
	f := &c.findings[10]
	f.Skipped = ""
	for i := range list {
		s := &list[i]
		d := c.documents[s.Document]
		if s.Poisoned || s.Within <= 0 || d == nil || d.submitted == 0 {
			continue
		}
		f.Checked++
		took, within := d.ended.Sub(d.begun), time.Duration(s.Within*float64(time.Second))
		switch {
		case d.ended.IsZero():
			c.breach(10, s.Document, "it has not ended beside %d poisoned documents", poisoned)
		case took > within:
			c.breach(10, s.Document, "it took %v beside %d poisoned documents, and may take %v", took.Round(time.Millisecond), poisoned, within)
		}
	}
}
