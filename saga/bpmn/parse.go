package bpmn

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
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
	d, _, err := translate(root, process, version)
	return d, err
}

// notes are what there is to say about a process that can be read.
type notes struct {
	odd     []*saga.Fault
	refused []*saga.Fault // is not deployed, though it runs where it was
}

// translate turns one process into a definition.
func translate(root, process *element, version int) (*saga.Definition, notes, error) {
	p := newParser(root, process, version)
	p.scope(process, 0)
	p.connect()
	p.links()
	slices.Reverse(*p.steps)
	if len(p.faults) > 0 {
		return nil, p.notes, errors.Join(p.faults...)
	}
	d, err := saga.Compile(p.d)
	return d, p.notes, err
}

// ParseProcess is [Parse] for the process with that id.
func ParseProcess(source []byte, process string, version int) (*saga.Definition, error) {
	root, err := read(source)
	if err != nil {
		return nil, err
	}
	for _, e := range root.all("process") {
		if e.id() == process {
			d, _, err := translate(root, e, version)
			return d, err
		}
	}
	return nil, fmt.Errorf("bpmn: process %.80q is not in the file: %w", process, saga.ErrBadDefinition)
}

// Processes returns the ids of the processes of a file that have a flow. The
// first is the one that [Parse] reads.
func Processes(source []byte) ([]string, error) {
	root, err := read(source)
	if err != nil {
		return nil, err
	}
	main, err := executable(root)
	if err != nil {
		return nil, err
	}
	ids := []string{main.id()}
	for _, e := range root.all("process") {
		if e != main && len(e.all("sequenceFlow")) > 0 {
			ids = append(ids, e.id())
		}
	}
	return ids, nil
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
		if drawn == nil && hasNodes(process) {
			drawn = process
		}
	}
	if drawn == nil {
		return nil, fmt.Errorf("bpmn: line %d: no process to run; mark one as executable: %w", root.line, saga.ErrBadDefinition)
	}
	return drawn, nil
}

func hasNodes(process *element) bool {
	return slices.ContainsFunc(process.children, func(e *element) bool {
		return e.isModel() && (e.name == "sequenceFlow" || e.name == "startEvent" || strings.HasSuffix(strings.ToLower(e.name), "task"))
	})
}

// A parser turns the elements of one process into nodes and flows.
type parser struct {
	d         saga.Definition
	faults    []error
	notes     notes
	zeebe     bool                // the file was drawn for Zeebe
	roots     map[string]*element // children of the root by id
	nodes     map[string]int      // element id to number of its node
	elements  map[string]*element // all flow elements by id
	handlers  map[string]string   // boundary compensation event to handler
	scopeOut  map[string][]string // flows that lead out of an element
	names     []string            // ids that are no plain FEEL names
	steps     *[]events.StepID
	flows     []*element
	linksFrom []linkEnd
	linksTo   map[linkKey]*element
}

func newParser(root, process *element, version int) *parser {
	p := &parser{
		roots: make(map[string]*element), nodes: make(map[string]int), elements: make(map[string]*element),
		handlers: make(map[string]string), scopeOut: make(map[string][]string), linksTo: make(map[linkKey]*element),
		steps: new([]events.StepID),
	}
	name := process.id()
	if name == "" {
		name = root.id()
	}
	p.d.Name, p.d.Version = token(name), version
	for _, e := range root.children {
		if e.id() != "" {
			p.roots[e.id()] = e
		}
	}
	p.survey(process)
	for _, c := range root.all("collaboration") {
		p.survey(c)
	}
	return p
}

// survey notes what elements refer to: flow elements by id, and associations.
func (p *parser) survey(in *element) {
	for _, e := range in.children {
		p.zeebe = p.zeebe || e.space == spaceZeebe
		if e.isModel() && e.id() != "" {
			p.elements[e.id()] = e
			if e.name != "sequenceFlow" && !plain(e.id()) {
				p.names = append(p.names, e.id())
			}
		}
		switch {
		case e.is("association"):
			p.handlers[e.attr("sourceRef")] = e.attr("targetRef")
		case e.is("sequenceFlow"):
			p.scopeOut[e.attr("sourceRef")] = append(p.scopeOut[e.attr("sourceRef")], e.id())
		}
		p.survey(e)
	}
}

// plain reports whether an id is a FEEL name as it is.
func plain(id string) bool { return !strings.ContainsAny(id, "-.") }

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

func stepOfID(id string) events.StepID { return events.StepID(token(id)) }

// maxFaults is how many faults and warnings each are reported of one file.
const maxFaults = 200

func (p *parser) fault(e *element, format string, args ...any) {
	if len(p.faults) < maxFaults {
		p.faults = append(p.faults, faultOf(e, format, args...))
	}
}

func (p *parser) warn(e *element, format string, args ...any) {
	if len(p.notes.odd) < maxFaults {
		p.notes.odd = append(p.notes.odd, faultOf(e, format, args...))
	}
}

// refuse notes what must not be deployed any more.
func (p *parser) refuse(e *element, format string, args ...any) {
	if len(p.notes.refused) < maxFaults {
		p.notes.refused = append(p.notes.refused, faultOf(e, format, args...))
	}
}

func faultOf(e *element, format string, args ...any) *saga.Fault {
	return &saga.Fault{Element: e.name, ID: e.id(), Line: e.line, Message: fmt.Sprintf(format, args...)}
}

// scope reads what is drawn in the process or in a sub-process.
func (p *parser) scope(in *element, scope int) {
	var boundaries []*element
	for _, e := range in.children {
		if !e.isModel() {
			continue
		}
		switch e.name {
		case "sequenceFlow":
			p.flows = append(p.flows, e)
		case "boundaryEvent":
			boundaries = append(boundaries, e)
		case "association", "extensionElements", "documentation", "laneSet", "textAnnotation", "group", "artifact",
			"dataObject", "dataObjectReference", "dataStoreReference", "ioSpecification", "property", "auditing", "monitoring",
			"incoming", "outgoing", "dataInputAssociation", "dataOutputAssociation", "multiInstanceLoopCharacteristics",
			"standardLoopCharacteristics", "resourceRole", "performer", "potentialOwner", "humanPerformer", "supports",
			"correlationSubscription", "ioBinding":
		default:
			p.flowNode(e, scope)
		}
	}
	for _, e := range boundaries {
		p.boundary(e, scope)
	}
}

func (p *parser) flowNode(e *element, scope int) {
	if e.attr("isForCompensation") == "true" {
		return // read with the activity that it compensates
	}
	n := saga.Node{ID: stepOf(e), Element: e.id(), Name: e.attr("name"), Line: e.line, Default: -1, Scope: scope}
	switch e.name {
	case "startEvent":
		n.Kind, n.Continues = saga.Start, e.attr("isInterrupting") == "false"
		p.event(e, &n)
	case "endEvent":
		n.Kind = saga.End
		p.event(e, &n)
	case "intermediateCatchEvent":
		n.Kind = saga.Catch
		p.event(e, &n)
	case "intermediateThrowEvent":
		n.Kind = saga.Throw
		p.event(e, &n)
	case "exclusiveGateway":
		n.Kind = saga.Exclusive
	case "parallelGateway":
		n.Kind = saga.Parallel
	case "inclusiveGateway":
		n.Kind = saga.Inclusive
	case "eventBasedGateway":
		n.Kind = saga.EventBased
		if e.attr("instantiate") == "true" {
			p.fault(e, "a gateway that starts a document is not supported")
		}
	default:
		if !p.activity(e, &n) {
			p.fault(e, "this element is not supported")
			return
		}
	}
	if e.attr("triggeredByEvent") == "true" {
		n.Kind, n.Loop = saga.EventSub, nil
	}
	number := p.add(e, n)
	if n.Kind == saga.SubProcess || n.Kind == saga.EventSub {
		p.scope(e, number+1)
	}
}

func (p *parser) add(e *element, n saga.Node) int {
	if id := e.id(); id != "" {
		p.nodes[id] = len(p.d.Nodes)
	}
	p.d.Nodes = append(p.d.Nodes, n)
	*p.steps = append(*p.steps, n.ID)
	return len(p.d.Nodes) - 1
}

// connect turns sequence flows into flows. One that leads to or from what is
// not supported is no fault of its own.
func (p *parser) connect() {
	for _, e := range p.flows {
		source, target := e.attr("sourceRef"), e.attr("targetRef")
		from, okFrom := p.nodes[source]
		to, okTo := p.nodes[target]
		if !okFrom || !okTo {
			if p.elements[source] == nil || p.elements[target] == nil || len(p.faults) == 0 {
				p.fault(e, "it leads from %q to %q, which are not both elements of the flow", source, target)
			}
			continue
		}
		f := saga.Flow{ID: e.id(), From: from, To: to, Line: e.line}
		if c := e.child("conditionExpression"); c != nil {
			f.Guard = p.condition(c)
			if kind := p.d.Nodes[from].Kind; f.Guard != nil && (kind == saga.Parallel || kind == saga.EventBased) {
				p.warn(e, "its condition counts for nothing behind a gateway that does not choose")
				f.Guard = nil
			}
		}
		if p.elements[source].attr("default") == e.id() && e.id() != "" {
			p.d.Nodes[from].Default = len(p.d.Flows)
		}
		p.d.Flows = append(p.d.Flows, f)
	}
}
