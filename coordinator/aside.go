package coordinator

import (
	"fmt"
	"sync"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

// An Anomaly is a document that was set aside: nothing is decided about it,
// and no other waits for it. A new start of the coordinator tries again.
type Anomaly struct {
	Document events.DocumentID
	Reason   string
}

// mostAside is how many anomalies are kept to be told.
const mostAside = 1000

// aside holds the documents that were set aside.
type aside struct {
	mu      sync.Mutex
	count   int
	reasons map[events.DocumentID]string
}

// Anomalies returns the documents that were set aside, the first 1000 of them,
// and how many there are.
func (c *Coordinator) Anomalies() (list []Anomaly, count int) {
	c.aside.mu.Lock()
	defer c.aside.mu.Unlock()
	for id, reason := range c.aside.reasons {
		list = append(list, Anomaly{Document: id, Reason: reason})
	}
	return list, c.aside.count
}

func (c *Coordinator) setAside(id events.DocumentID, reason error) {
	c.aside.mu.Lock()
	defer c.aside.mu.Unlock()
	if _, known := c.aside.reasons[id]; known {
		return
	}
	c.conf.Logger.Error("document set aside", "document", id, "error", reason)
	c.aside.count++
	if c.aside.reasons == nil {
		c.aside.reasons = make(map[events.DocumentID]string)
	}
	if len(c.aside.reasons) < mostAside {
		c.aside.reasons[id] = reason.Error()
	}
}

// foldSafely folds an event into a document and returns its state; one that
// cannot be folded sets the document aside, and it reports false.
func (c *Coordinator) foldSafely(doc *document, e *events.Event) (state saga.State, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			c.setAside(doc.id, fmt.Errorf("fold %s: %v", e.ID(), p))
			doc.definition, ok = nil, false
		}
	}()
	state = doc.definition.Fold(doc.state(), e)
	doc.keep(&state)
	return state, true
}

// decideSafely returns what is due in a document; one that cannot be decided
// about is set aside.
func (c *Coordinator) decideSafely(doc *document, state *saga.State, now time.Time) (due []saga.Decision) {
	defer func() {
		if p := recover(); p != nil {
			c.setAside(doc.id, fmt.Errorf("decide: %v", p))
			doc.definition, due = nil, nil
		}
	}()
	return doc.definition.Decide(state, now)
}

// settleSafely makes the result and the data of a decision's event.
func settleSafely(t *task, history []events.Event) (result events.Result, data events.Data, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("settle: %v", p)
		}
	}()
	return t.definition.Settle(t.decision, history)
}
