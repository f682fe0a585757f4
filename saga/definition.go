package saga

import (
	"errors"
	"slices"

	"github.com/docsaga/docsaga/events"
)

// ErrBadDefinition reports a definition that cannot run. The error says which
// element is wrong, and where.
var ErrBadDefinition = errors.New("definition cannot run")

// MaxNodes is how many nodes a definition may have.
const MaxNodes = 4096

// MaxHops is how many hops a definition may have.
const MaxHops = 100_000

// MaxIncoming is how many flows may meet in a parallel join.
const MaxIncoming = 64

// A Definition is a flow. Fill in the exported fields and call [Compile];
// after that it is immutable and safe for concurrent use.
type Definition struct {
	Name    string
	Version int
	Nodes   []Node
	Flows   []Flow

	byID    map[events.StepID]int
	scopes  []scope  // by Node.Scope
	reaches [][]bool // of an inclusive join: the nodes from which a token can come to it
	hops    []Hop
}

// A scope is the definition itself or a sub-process.
type scope struct {
	node   int   // number of the sub-process, or -1
	starts []int // where a token begins
	subs   []int // event sub-processes in it
	others []int // further start events of the definition
}

// A Reach says what it takes to know whether an outcome cues a step.
type Reach uint8

// The reaches, from the cheapest on.
const (
	Direct Reach = iota
	ByHistory
	Coordinated
)

// String returns the reach's word.
func (r Reach) String() string {
	switch r {
	case Direct:
		return "direct"
	case ByHistory:
		return "by history"
	case Coordinated:
		return "coordinated"
	}
	return "unknown"
}

// A Hop says that a token can go from one step to another: on the outcomes of
// From, the service of To is cued.
type Hop struct {
	From, To events.StepID
	Reach    Reach
	Guarded  bool
}

// Node returns the number of the node with that id.
func (d *Definition) Node(id events.StepID) (int, bool) {
	n, ok := d.byID[id]
	return n, ok
}

// Starts returns the numbers of the start events of the definition. At the first
// a document begins whose submission names none.
func (d *Definition) Starts() []int {
	s := &d.scopes[0]
	starts := slices.Concat(s.starts, s.others)
	return slices.DeleteFunc(starts, func(n int) bool { return d.Nodes[n].Kind != Start })
}

// Hops returns all hops, in the order of the definition.
func (d *Definition) Hops() []Hop { return d.hops }

// Services returns the services that take part, each once, in the order drawn.
func (d *Definition) Services() []string {
	var names []string
	seen := make(map[string]bool)
	add := func(name string) {
		if name != "" && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	for i := range d.Nodes {
		add(d.Nodes[i].Service)
		if u := d.Nodes[i].Undo; u != nil {
			add(u.Service)
		}
	}
	return names
}

// Cues returns what a service must listen to: the outcomes that lead to its
// steps, the redo commands of its steps, and the undo commands of the steps
// that it compensates.
func (d *Definition) Cues(service string) (cues, commands []events.Pattern) {
	seen := make(map[events.StepID]bool)
	for _, h := range d.hops {
		if n, ok := d.byID[h.To]; !ok || d.Nodes[n].Service != service || seen[h.From] {
			continue
		}
		seen[h.From] = true
		kind := events.Outcome
		if h.From == events.StepDocument {
			kind = events.Submitted
		}
		cues = append(cues, d.pattern(h.From, kind, 1))
	}
	for i := range d.Nodes {
		n := &d.Nodes[i]
		if n.Service == service {
			commands = append(commands, d.pattern(n.ID, events.Redo, 1))
		}
		if n.Undo == nil || n.Undo.Service != service {
			continue
		}
		for again := 1; again <= events.MaxAgain; again++ {
			commands = append(commands, d.pattern(n.ID, events.Undo, again))
		}
	}
	return cues, commands
}

func (d *Definition) pattern(step events.StepID, kind events.Kind, again int) events.Pattern {
	return events.Pattern{Definition: d.Name, Version: d.Version, Step: step, Kind: kind, Again: again}
}
