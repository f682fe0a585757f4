package bpmn

import (
	"errors"
	"fmt"
	"strings"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/forms"
)

// The levels of findings.
const (
	LevelError   = "error"   // the definition is not deployed
	LevelWarning = "warning" // it runs, but see whether it is meant so
)

// A Finding is one thing that is wrong or odd about a definition.
type Finding struct {
	Level   string `json:"level"`
	Element string `json:"element"`
	ID      string `json:"id"`
	Line    int    `json:"line,omitempty"`
	Message string `json:"message"`
}

// String returns the finding as one line.
func (f Finding) String() string {
	where := ""
	if f.Line > 0 {
		where = fmt.Sprintf("line %d: ", f.Line)
	}
	return fmt.Sprintf("%s: %s%s %s: %s", f.Level, where, f.Element, f.ID, f.Message)
}

// A Hop is one line of the table of hops.
type Hop struct {
	From    string `json:"from"`
	To      string `json:"to"`
	Reach   string `json:"reach"` // direct, by history or coordinated
	Guarded bool   `json:"guarded,omitempty"`
}

// A Report says what there is to say about a file.
type Report struct {
	Name     string    `json:"name,omitempty"`
	Sound    bool      `json:"sound"` // no error was found
	Findings []Finding `json:"findings"`
	Hops     []Hop     `json:"hops,omitempty"`
	Explain  string    `json:"explain,omitempty"` // the definition in prose

	Definition *saga.Definition `json:"-"` // nil if it cannot run at all
}

// Check reads a file as [Parse] does and reports all that is wrong or odd.
func Check(source []byte) Report {
	r := Report{Findings: []Finding{}}
	root, err := read(source)
	var process *element
	if err == nil {
		process, err = executable(root)
	}
	if err != nil {
		r.fail(err)
		return r
	}
	r.Name = token(process.id())
	d, notes, err := translate(root, process, 1)
	r.add(LevelError, notes.refused)
	r.add(LevelWarning, notes.odd)
	if err != nil {
		r.fail(err)
		return r
	}
	r.Definition = d
	wrong, warnings := d.Check()
	r.add(LevelError, wrong)
	r.add(LevelWarning, warnings)
	bad := badForms(d)
	r.add(LevelError, bad)
	r.Sound = len(wrong)+len(notes.refused)+len(bad) == 0
	for _, h := range d.Hops() {
		r.Hops = append(r.Hops, Hop{From: string(h.From), To: string(h.To), Reach: h.Reach.String(), Guarded: h.Guarded})
	}
	r.Explain = explain(d)
	return r
}

// badForms returns the user tasks whose schema is none. A version that is
// deployed keeps it: there no form fits.
func badForms(d *saga.Definition) []*saga.Fault {
	var bad []*saga.Fault
	for i := range d.Nodes {
		n := &d.Nodes[i]
		if n.Person == nil || len(n.Person.Schema) == 0 {
			continue
		}
		if _, err := forms.Compile(n.Person.Schema); err != nil {
			bad = append(bad, &saga.Fault{Element: n.Kind.String(), ID: n.Drawn(), Line: n.Line, Message: "its schema: " + strings.Join(strings.Fields(err.Error()), " ")})
		}
	}
	return bad
}

func (r *Report) add(level string, faults []*saga.Fault) {
	for _, f := range faults {
		r.Findings = append(r.Findings, Finding{Level: level, Element: f.Element, ID: f.ID, Line: f.Line, Message: f.Message})
	}
}

// fail adds what makes a definition unable to run.
func (r *Report) fail(err error) {
	var list interface{ Unwrap() []error }
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined
	}
	if f := (*saga.Fault)(nil); list == nil && errors.As(err, &f) {
		r.add(LevelError, []*saga.Fault{f})
		return
	}
	if list != nil {
		if all := list.Unwrap(); len(all) > 0 && isFault(all[0]) {
			for _, one := range all {
				r.fail(one)
			}
			return
		}
	}
	r.Findings = append(r.Findings, Finding{Level: LevelError, Element: "definitions", ID: r.Name, Message: err.Error()})
}

func isFault(err error) bool {
	var f *saga.Fault
	return errors.As(err, &f)
}

// explain tells a definition in prose, one sentence a step.
func explain(d *saga.Definition) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s has %d elements, and takes part: %s.\n", d.Name, len(d.Nodes), orNone(strings.Join(d.Services(), ", ")))
	next := make(map[string][]string)
	several := len(d.Starts()) > 1
	for _, h := range d.Hops() {
		how := ""
		if h.Guarded && (!several || h.From != events.StepDocument) {
			how = " if its condition holds"
		}
		if h.Reach == saga.Coordinated {
			how += " (coordinated)"
		}
		next[string(h.From)] = append(next[string(h.From)], string(h.To)+how)
	}
	b.WriteString(begins(d))
	if several {
		b.WriteString("From where it begins, a")
	} else {
		b.WriteString("A submitted")
	}
	fmt.Fprintf(&b, " document goes to %s.\n", orNone(strings.Join(next["document"], ", ")))
	for i := range d.Nodes {
		if n := &d.Nodes[i]; what(n) != "" {
			fmt.Fprintf(&b, "%s%s %s.", n.ID, titled(n.Name), what(n))
			if n.Undo != nil && !n.Undo.Child {
				fmt.Fprintf(&b, " %s undoes it.", n.Undo.Step)
			}
			if to := next[string(n.ID)]; len(to) > 0 {
				fmt.Fprintf(&b, " Then: %s.", strings.Join(to, ", "))
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// begins tells what starts a document besides a submission, and where one
// begins if there is a choice.
func begins(d *saga.Definition) string {
	var b strings.Builder
	starts := d.Starts()
	for i, at := range starts {
		n := &d.Nodes[at]
		if i == 0 && len(starts) > 1 {
			fmt.Fprintf(&b, "A document begins at %s%s, unless it says otherwise.\n", n.ID, titled(n.Name))
		}
		switch {
		case n.Trigger == saga.MessageTrigger, n.Trigger == saga.SignalTrigger:
			fmt.Fprintf(&b, "The %s %s starts one at %s%s.\n", n.Trigger, n.Event, n.ID, titled(n.Name))
		case n.Trigger == saga.TimerTrigger && n.Clock != nil:
			fmt.Fprintf(&b, "The clock starts one at %s%s: %s.\n", n.ID, titled(n.Name), n.Clock)
		case n.Trigger == saga.NoTrigger && i > 0:
			fmt.Fprintf(&b, "One begins at %s%s if its submission says so.\n", n.ID, titled(n.Name))
		}
	}
	return b.String()
}

func orNone(s string) string {
	if s == "" {
		return "nobody"
	}
	return s
}

func titled(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf(" (%s)", strings.Join(strings.Fields(name), " "))
}

// what says what a step does.
func what(n *saga.Node) string {
	each := ""
	if n.Loop != nil {
		each = " once for each item"
	}
	switch n.Kind {
	case saga.Service:
		return "is done by the service " + n.Service + each
	case saga.User:
		return "is done by a person" + each
	case saga.Script:
		return "is worked out" + each
	case saga.Call:
		return "runs another definition" + each
	case saga.SubProcess:
		return "is a flow of its own" + each
	case saga.Catch:
		return "waits for a " + n.Trigger.String() + each
	case saga.Boundary:
		return "watches for a " + n.Trigger.String()
	case saga.Throw:
		return "tells a " + n.Trigger.String()
	case saga.Start, saga.End, saga.Exclusive, saga.Parallel, saga.Inclusive, saga.EventBased, saga.Task, saga.EventSub:
	}
	return ""
}

// Err returns nil if the file is sound, and otherwise an error that names all
// that is wrong and wraps [saga.ErrBadDefinition].
func (r Report) Err() error {
	if r.Sound {
		return nil
	}
	var lines []string
	for _, f := range r.Findings {
		if f.Level == LevelError {
			lines = append(lines, f.String())
		}
	}
	return fmt.Errorf("bpmn: %s: %w", strings.Join(lines, "\n"), saga.ErrBadDefinition)
}
