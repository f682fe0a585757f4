package saga

import (
	"encoding/json"
	"time"

	"github.com/docsaga/docsaga/events"
)

// A NodeKind says how a node treats a token.
type NodeKind uint8

// The kinds of nodes. The zero NodeKind is none of them.
const (
	Start      NodeKind = iota + 1 // where a document or a sub-process begins
	End                            // uses a token up
	Service                        // a step done by a service
	Exclusive                      // sends a token along the first flow whose guard holds
	Parallel                       // waits for a token on each flow in, sends one along each flow out
	Boundary                       // catches what happens to the activity that it sits on
	Inclusive                      // sends a token along each flow whose guard holds; waits for those that can come
	EventBased                     // waits for the first of the events behind it
	Task                           // passes a token on: a task that nobody does here
	User                           // a step done by a person
	Script                         // a step that is an expression
	Catch                          // waits for a time, a message or a signal
	Throw                          // tells others, or raises something
	SubProcess                     // a scope of its own
	EventSub                       // a scope that an event in the scope around it opens
	Call                           // runs another definition as a document of its own
)

// String returns the BPMN element that the kind is drawn as.
func (k NodeKind) String() string {
	names := [...]string{
		"unknown", "startEvent", "endEvent", "serviceTask", "exclusiveGateway", "parallelGateway", "boundaryEvent",
		"inclusiveGateway", "eventBasedGateway", "task", "userTask", "scriptTask", "intermediateCatchEvent",
		"intermediateThrowEvent", "subProcess", "eventSubProcess", "callActivity",
	}
	if int(k) < len(names) {
		return names[k]
	}
	return names[0]
}

// A Trigger says what sets an event off, or what it sets off.
type Trigger uint8

// The triggers. The zero Trigger is that of a plain event.
const (
	NoTrigger Trigger = iota
	TimerTrigger
	MessageTrigger
	SignalTrigger
	ErrorTrigger        // raised by a rejected step or an error end event
	EscalationTrigger   // raised by an escalation event
	CompensationTrigger // undoes what was done
	TerminateTrigger    // ends its scope at once
)

// String returns the trigger's word.
func (t Trigger) String() string {
	names := [...]string{"none", "timer", "message", "signal", "error", "escalation", "compensation", "terminate"}
	if int(t) < len(names) {
		return names[t]
	}
	return "unknown"
}

// waits reports whether something from outside sets an event off.
func (t Trigger) waits() bool { return t == TimerTrigger || t == MessageTrigger || t == SignalTrigger }

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

// A Clock says when a timer goes off. It is pure, as an Expression is.
type Clock interface {
	// Next returns when the timer goes off for the n-th time, from 1, after it
	// was set at from. The zero time says that it does not any more.
	Next(v Vars, from time.Time, n int) (time.Time, error)
	// Around returns the last time up to now, but not before set, at which the
	// timer goes off that was set then, and the first time after now. The zero
	// time says that there is none.
	Around(v Vars, set, now time.Time) (last, next time.Time, err error)
	// String returns the timer as it was drawn.
	String() string
}

// Vars is what an expression sees: the context of an event, and the output of
// the event's own step.
type Vars struct {
	Step  events.StepID
	Data  []byte          // JSON of an [events.Data]
	Names json.RawMessage // a JSON object of names that go before all others, or nil
	Now   time.Time       // of the event; what now() returns. Zero: null
}

// A Node is an element of the flow that a token can come to.
type Node struct {
	ID      events.StepID
	Element string // its id as drawn, if it was read from a file
	Name    string // as drawn, for people
	Kind    NodeKind
	Line    int // in the file that it was read from, or 0
	// Scope is the number of the sub-process that the node lies in, plus 1; 0
	// is the definition itself.
	Scope int

	Service string        // the service that does the step
	Inputs  []Input       // what the step takes; none means the whole context
	Outputs []Input       // what is kept of what it puts out; none means all
	Timeout time.Duration // until the visit is timed-out; 0 means never
	Retries int           // attempts before it is failed; 0 means the runner's default
	OnFail  Failure
	Undo    *Undo // how the step is compensated, or nil
	Pure    bool  // the step has no effect, so it needs no undo
	Default int   // number of the default flow, or -1
	Loop    *Loop // of a step that is done once for each item, or nil

	Trigger   Trigger    // of an event
	Host      int        // number of the activity that a boundary event sits on
	Continues bool       // a boundary or start event that does not interrupt
	Code      string     // of an error or escalation; empty catches any
	Clock     Clock      // of a timer
	Event     string     // name of a message or signal
	Key       Expression // which of the messages of that name, or nil
	Ref       events.StepID
	Makes     Expression // the output of a script
	Calls     string     // the definition that a call runs
	CallsBy   Expression // or an expression that says which
	Person    *Person    // who does a user task, or nil

	in, out  []int // flows
	recorded bool  // a join whose completion is an event of its own
	decides  bool  // an activity whose flows have conditions
	armed    []int // boundary events that wait for something
	catches  []int // boundary events that catch errors and escalations
}

// An Undo says who compensates a step.
type Undo struct {
	Step    events.StepID // the compensation handler's element
	Service string        // empty if nobody has to do anything
	Person  bool          // a person does it
	Child   bool          // of a call: what it called is undone
}

// An Input is one member of the object that a step takes.
type Input struct {
	Target string
	Source Expression
}

// MaxItems is how many items a loop may have.
const MaxItems = 1000

// A Loop says that a step is done once for each item of a list. All visits but
// the first of such a step are one item's; the first stands for the whole, and
// its outcome is decided when they are done.
type Loop struct {
	Sequential bool
	Items      Expression // the list; nil if Count says how many
	Count      Expression
	Item       string     // the name by which expressions know the item
	Collect    Expression // what is kept of each visit, or nil
	Output     string     // the name of the list of what is kept
	Until      Expression // ends the loop early, or nil
}

// A Person says who may do a user task. Each expression may be nil.
type Person struct {
	Assignee, Groups, Users, Due Expression
	Form                         string          // name of the form
	Schema                       json.RawMessage // JSON Schema of what the form gives, or nil
}

// A Flow is an arrow from one node to another.
type Flow struct {
	ID       string
	From, To int
	Guard    Expression // nil if none is drawn
	Line     int
}

// Drawn returns the id that the node has in the file it was read from.
func (n *Node) Drawn() string {
	if n.Element != "" {
		return n.Element
	}
	return string(n.ID)
}

// isStep reports whether visits of the node get an outcome.
func (n *Node) isStep() bool {
	if n.recorded || n.Loop != nil {
		return true
	}
	switch n.Kind {
	case Service, User, Script, SubProcess, EventSub, Call:
		return true
	case Start, Boundary, Catch:
		return n.Trigger.waits() && (n.Kind != Start || n.Scope != 0)
	case Throw, End:
		return n.Trigger == MessageTrigger || n.Trigger == SignalTrigger || n.Trigger == CompensationTrigger
	case Exclusive, Parallel, Inclusive, EventBased, Task:
	}
	return false
}

// watches reports whether the node is an event that watches what goes on.
func (n *Node) watches() bool {
	return n.Trigger.waits() && (n.Kind == Boundary || n.Kind == Start && n.Scope != 0)
}

// isWorked reports whether somebody outside may be at work on an open visit,
// so that it must be cancelled in its slot.
func (n *Node) isWorked() bool { return n.Kind == Service || n.Kind == User || n.Kind == Call }

// isActivity reports whether boundary events may sit on the node.
func (n *Node) isActivity() bool {
	switch n.Kind {
	case Service, Task, User, Script, SubProcess, Call, Catch:
		return true
	case Start, End, Exclusive, Parallel, Boundary, Inclusive, EventBased, Throw, EventSub:
	}
	return false
}
