package saga

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/docsaga/docsaga/events"
)

// ErrBadDefinition reports a definition that cannot run. The error says which
// element is wrong, and where.
var ErrBadDefinition = errors.New("definition cannot run")

// MaxNodes is how many nodes a definition may have.
const MaxNodes = 4096

// MaxIncoming is how many flows may meet in a parallel join.
const MaxIncoming = 32

// A NodeKind says how a node treats a token.
type NodeKind uint8

// The kinds of nodes. The zero NodeKind is none of them.
const (
	Start     NodeKind = iota + 1 // where a document begins
	End                           // uses a token up
	Service                       // a step done by a service
	Exclusive                     // sends a token along the first flow whose guard holds
	Parallel                      // waits for a token on each flow in, sends one along each flow out
	Boundary                      // catches what happens to the step that it sits on
)

// String returns the BPMN element that the kind is drawn as.
func (k NodeKind) String() string {
	switch k {
	case Start:
		return "startEvent"
	case End:
		return "endEvent"
	case Service:
		return "serviceTask"
	case Exclusive:
		return "exclusiveGateway"
	case Parallel:
		return "parallelGateway"
	case Boundary:
		return "boundaryEvent"
	}
	return "unknown"
}

// A Failure says what a failed visit does to its document.
type Failure uint8

const (
	// Stop undoes what was done and ends the document.
	Stop Failure = iota
	// Wait makes an incident: the document waits for a person.
	Wait
)

// An Expression is evaluated over what an event carries. It is safe for
// concurrent use, pure, and bounded.
type Expression interface {
	// Eval returns the value as JSON.
	Eval(v Vars) (json.RawMessage, error)
	// String returns the expression as it was drawn.
	String() string
}

// Vars is what an expression sees: the context of an event, and the output of
// the event's own step.
type Vars struct {
	Step events.StepID
	Data []byte // JSON of an [events.Data]
}

// A Definition is a flow. Fill in the exported fields and call [Compile];
// after that it is immutable and safe for concurrent use.
type Definition struct {
	Name    string
	Version int
	Nodes   []Node
	Flows   []Flow

	byID  map[events.StepID]int
	start int
	hops  []Hop
}

// A Node is an element of the flow that a token can come to.
type Node struct {
	ID   events.StepID
	Name string // as drawn, for people
	Kind NodeKind
	Line int // in the file that it was read from, or 0

	Service string        // the service that does the step
	Inputs  []Input       // what the step takes; none means the whole context
	Timeout time.Duration // until the visit is timed-out; 0 means never
	Retries int           // attempts before it is failed; 0 means the runner's default
	OnFail  Failure
	Undo    *Undo   // how the step is compensated, or nil
	Catches []Catch // boundary error events, in the order drawn
	Default int     // number of the default flow, or -1

	in, out  []int // flows
	recorded bool  // a join whose completion is an event of its own
}

// An Undo says who compensates a step.
type Undo struct {
	Step    events.StepID // the compensation handler's element
	Service string
}

// An Input is one member of the object that a step takes.
type Input struct {
	Target string
	Source Expression
}

// A Catch is a boundary error event: a rejection with its code goes on along
// its flows instead of stopping the document.
type Catch struct {
	Code string // empty for any
	Node int    // the boundary event, a node that passes the token on
}

// A Flow is an arrow from one node to another.
type Flow struct {
	ID       string
	From, To int
	Guard    Expression // nil if none is drawn
	Line     int
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

// isStep reports whether visits of the node get an outcome.
func (n *Node) isStep() bool { return n.Kind == Service || n.recorded }

func badNode(n *Node, format string, args ...any) error {
	where := ""
	if n.Line > 0 {
		where = fmt.Sprintf("line %d: ", n.Line)
	}
	return fmt.Errorf("saga: %s%s %s: %s: %w", where, n.Kind, n.ID, fmt.Sprintf(format, args...), ErrBadDefinition)
}
