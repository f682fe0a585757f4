package dryrun

import (
	"encoding/json"
	"fmt"
)

// A Script says what others do. Its JSON form is
//
//	{"start": "ordered",
//	 "steps": {"charge": [{"output": {"paid": true}}, {"reject": "no-money"}]},
//	 "messages": [{"name": "paid", "key": "order-1", "data": {"sum": 5}}],
//	 "signals": [{"name": "stop"}]}
//
// The start is the start event at which the document begins; none is the plain
// one. A step's n-th visit takes its n-th entry, later ones the last. One entry may
// stand without the list.
type Script struct {
	Start    string           `json:"start"`
	Steps    map[string]Plays `json:"steps"`
	Messages []Message        `json:"messages"`
	Signals  []Message        `json:"signals"`
}

// Plays are what a step's visits do.
type Plays []Play

// UnmarshalJSON reads a list or one entry.
func (p *Plays) UnmarshalJSON(raw []byte) error {
	var list []Play
	if err := json.Unmarshal(raw, &list); err == nil {
		*p = list
		return nil
	}
	var one Play
	if err := json.Unmarshal(raw, &one); err != nil {
		return fmt.Errorf("dryrun: script of a step: %w", err)
	}
	*p = Plays{one}
	return nil
}

// A Play is what one visit of a step does: put something out, reject with a
// code, fail, or do nothing, so that timers go on.
type Play struct {
	Output json.RawMessage `json:"output"`
	Reject string          `json:"reject"`
	Fail   string          `json:"fail"`
	Wait   bool            `json:"wait"`
}

// A Message is sent to whoever waits for its name and, if it has one, key.
type Message struct {
	Name string          `json:"name"`
	Key  string          `json:"key"`
	Data json.RawMessage `json:"data"`
}
