package bpmn

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

// Parse reads the executable process of a file and compiles it as the given
// version. All that is wrong is reported at once: the error joins an error for
// each element, and wraps [saga.ErrBadDefinition].
func Parse(source []byte, version int) (*saga.Definition, error) {
	root, err := read(source)
	if err != nil {
		return nil, err
	}
	process, err := executable(root)
	if err != nil {
		return nil, err
	}
	p := newParser(root, process, version)
	p.scope(process)
	p.connect()
	if len(p.faults) > 0 {
		return nil, errors.Join(p.faults...)
	}
	return saga.Compile(p.d)
}

// executable returns the process that runs: the first one that is marked so,
// or else the first with a flow.
func executable(root *element) (*element, error) {
	if !root.is("definitions") {
		return nil, fmt.Errorf("bpmn: line %d: root element %.80s: want definitions of BPMN 2.0: %w", root.line, root.name, saga.ErrBadDefinition)
	}
	var drawn *element
	for _, process := range root.all("process") {
		if process.attr("isExecutable") == "true" {
			return process, nil
		}
		if drawn == nil && len(process.all("sequenceFlow")) > 0 {
			drawn = process
		}
	}
	if drawn == nil {
		return nil, fmt.Errorf("bpmn: line %d: no process to run; mark one as executable: %w", root.line, saga.ErrBadDefinition)
	}
	return drawn, nil
}

// A parser turns the elements of one process into nodes and flows.
type parser struct {
	d        saga.Definition
	faults   []error
	codes    map[string]string   // error definitions: id to code
	nodes    map[string]int      // element id to number of its node
	elements map[string]*element // all flow elements by id
	handlers map[string]string   // boundary compensation event to handler
	flows    []*element
}

func newParser(root, process *element, version int) *parser {
	p := &parser{
		codes: make(map[string]string), nodes: make(map[string]int),
		elements: make(map[string]*element), handlers: make(map[string]string),
	}
	name := process.id()
	if name == "" {
		name = root.id()
	}
	p.d.Name, p.d.Version = token(name), version
	for _, e := range root.all("error") {
		p.codes[e.id()] = e.attr("errorCode")
	}
	return p
}

// token rewrites an id that cannot be a token of a subject.
func token(id string) string {
	if id != "" && events.CheckID(id) == nil && id != string(events.StepDocument) {
		return id
	}
	if id == "" {
		return ""
	}
	clean := strings.Map(func(r rune) rune {
		if r < 0x80 && events.CheckID(string(r)) == nil {
			return r
		}
		return '_'
	}, id)
	sum := sha256.Sum256([]byte(id))
	return clean[:min(len(clean), 55)] + "_" + hex.EncodeToString(sum[:4])
}

// stepOf returns the step that an element becomes.
func stepOf(e *element) events.StepID {
	if id := token(e.id()); id != "" {
		return events.StepID(id)
	}
	return events.StepID(fmt.Sprintf("%s_line_%d", e.name, e.line))
}

func (p *parser) fault(e *element, format string, args ...any) {
	p.faults = append(p.faults, &saga.Fault{
		Element: e.name, ID: e.id(), Line: e.line, Message: fmt.Sprintf(format, args...),
	})
}

// scope reads what is drawn in a process.
func (p *parser) scope(process *element) {
	for _, e := range process.children {
		if e.isModel() && e.id() != "" {
			p.elements[e.id()] = e
		}
	}
	for _, e := range process.children {
		if e.is("association") {
			p.handlers[e.attr("sourceRef")] = e.attr("targetRef")
		}
	}
	var boundaries []*element
	for _, e := range process.children {
		if !e.isModel() {
			continue
		}
		switch e.name {
		case "sequenceFlow":
			p.flows = append(p.flows, e)
		case "boundaryEvent":
			boundaries = append(boundaries, e)
		case "association", "extensionElements", "documentation", "laneSet", "textAnnotation", "group",
			"dataObject", "dataObjectReference", "dataStoreReference", "ioSpecification", "property", "auditing", "monitoring":
		default:
			p.flowNode(e)
		}
	}
	for _, e := range boundaries {
		p.boundary(e)
	}
}

func (p *parser) flowNode(e *element) {
	if e.attr("isForCompensation") == "true" {
		return // read with the activity that it compensates
	}
	n := saga.Node{ID: stepOf(e), Name: e.attr("name"), Line: e.line, Default: -1}
	switch e.name {
	case "startEvent":
		n.Kind = saga.Start
		p.noTrigger(e)
	case "endEvent":
		n.Kind = saga.End
		p.noTrigger(e)
	case "serviceTask":
		n.Kind = saga.Service
		p.service(e, &n)
	case "exclusiveGateway":
		n.Kind = saga.Exclusive
	case "parallelGateway":
		n.Kind = saga.Parallel
	default:
		p.fault(e, "this element is not supported")
		return
	}
	p.add(e, n)
}

func (p *parser) add(e *element, n saga.Node) int {
	if id := e.id(); id != "" {
		p.nodes[id] = len(p.d.Nodes)
	}
	p.d.Nodes = append(p.d.Nodes, n)
	return len(p.d.Nodes) - 1
}

// noTrigger refuses an event that something sets off.
func (p *parser) noTrigger(e *element) {
	for _, c := range e.children {
		if strings.HasSuffix(c.name, "EventDefinition") {
			p.fault(e, "%s is not supported here", c.name)
		}
	}
}

// boundary reads an event that sits on an activity.
func (p *parser) boundary(e *element) {
	host, ok := p.nodes[e.attr("attachedToRef")]
	if !ok {
		p.fault(e, "it is attached to %q, which is no activity of the flow", e.attr("attachedToRef"))
		return
	}
	switch {
	case e.child("compensateEventDefinition") != nil:
		p.compensation(e, host)
	case e.child("errorEventDefinition") != nil:
		ref := e.child("errorEventDefinition").attr("errorRef")
		code, known := p.codes[ref]
		if ref != "" && !known {
			p.fault(e, "its error %q is not defined", ref)
		}
		p.add(e, saga.Node{
			ID: stepOf(e), Name: e.attr("name"), Kind: saga.Boundary, Line: e.line, Default: -1,
			Trigger: saga.ErrorTrigger, Code: code, Host: host,
		})
	default:
		p.noTrigger(e)
	}
}

// compensation reads the handler that a boundary compensation event leads to.
func (p *parser) compensation(e *element, host int) {
	handler := p.elements[p.handlers[e.id()]]
	switch {
	case handler == nil:
		p.fault(e, "no association leads from it to a compensation handler")
		return
	case handler.attr("isForCompensation") != "true":
		p.fault(handler, "it is the handler of %s and must be marked isForCompensation", e.id())
		return
	case handler.name != "serviceTask":
		p.fault(handler, "a compensation handler must be a service task")
		return
	}
	undo := saga.Node{ID: stepOf(handler), Kind: saga.Service}
	p.service(handler, &undo)
	p.d.Nodes[host].Undo = &saga.Undo{Step: undo.ID, Service: undo.Service}
}

// connect turns sequence flows into flows, in the order in which their sources
// name them.
func (p *parser) connect() {
	for _, e := range p.flows {
		from, okFrom := p.nodes[e.attr("sourceRef")]
		to, okTo := p.nodes[e.attr("targetRef")]
		if !okFrom || !okTo {
			p.fault(e, "it leads from %q to %q, which are not both elements of the flow", e.attr("sourceRef"), e.attr("targetRef"))
			continue
		}
		f := saga.Flow{ID: e.id(), From: from, To: to, Line: e.line}
		if c := e.child("conditionExpression"); c != nil {
			f.Guard = p.expression(c, c.text)
		}
		if source := p.elements[e.attr("sourceRef")]; source.attr("default") == e.id() && e.id() != "" {
			p.d.Nodes[from].Default = len(p.d.Flows)
		}
		p.d.Flows = append(p.d.Flows, f)
	}
}
