package bpmn

import (
	"strings"

	"github.com/docsaga/docsaga/saga"
)

// event reads what sets an event off, or what it sets off.
func (p *parser) event(e *element, n *saga.Node) {
	definitions := p.definitions(e)
	if len(definitions) == 0 {
		return
	}
	if len(definitions) > 1 {
		p.fault(e, "it has %d event definitions; only one is supported", len(definitions))
		return
	}
	d := definitions[0]
	if !p.trigger(e, d, n) {
		p.fault(e, "%s is not supported", d.name)
		return
	}
	if !allowed(e.name, n.Trigger, n.Scope != 0) && d.name != "linkEventDefinition" {
		p.fault(e, "%s is not supported here", d.name)
	}
	if n.Trigger != saga.MessageTrigger && n.Trigger != saga.SignalTrigger {
		return
	}
	if e.name == "endEvent" || e.name == "intermediateThrowEvent" {
		p.worked(e, d, n)
	}
	if n.Trigger == saga.MessageTrigger || n.Trigger == saga.SignalTrigger {
		p.mappings(e, n)
	}
}

// trigger reads one event definition; it reports false if it knows no such.
func (p *parser) trigger(e, d *element, n *saga.Node) bool {
	switch d.name {
	case "timerEventDefinition":
		n.Trigger = saga.TimerTrigger
		if n.Kind == saga.Start && n.Scope == 0 {
			n.Clock = p.begins(e, d)
		} else {
			n.Clock = p.timer(e, d)
		}
	case "messageEventDefinition":
		n.Trigger = saga.MessageTrigger
		p.message(e, d, n)
	case "signalEventDefinition":
		n.Trigger = saga.SignalTrigger
		n.Event = p.named("signal", d.attr("signalRef"), "name", e)
	case "errorEventDefinition":
		n.Trigger = saga.ErrorTrigger
		n.Code = p.named("error", d.attr("errorRef"), "errorCode", e)
	case "escalationEventDefinition":
		n.Trigger = saga.EscalationTrigger
		n.Code = p.named("escalation", d.attr("escalationRef"), "escalationCode", e)
	case "compensateEventDefinition":
		n.Trigger = saga.CompensationTrigger
		if ref := d.attr("activityRef"); ref != "" {
			n.Ref = stepOfID(ref)
		}
	case "terminateEventDefinition":
		n.Trigger = saga.TerminateTrigger
	case "linkEventDefinition":
		p.link(e, d, n)
	default:
		return false
	}
	return true
}

// worked makes a service of a throw event that a worker does.
func (p *parser) worked(e, definition *element, n *saga.Node) {
	if e.extension(spaceZeebe, "taskDefinition") != nil || vendor(definition, "topic") != "" {
		if len(p.scopeOut[e.id()]) == 0 && n.Kind == saga.End || n.Kind == saga.Throw {
			n.Kind, n.Trigger = saga.Service, saga.NoTrigger
			p.service(e, n)
		}
	}
}

// allowed reports whether an event of that kind can have the trigger.
func allowed(event string, t saga.Trigger, inside bool) bool {
	switch event {
	case "startEvent":
		return t != saga.CompensationTrigger && t != saga.TerminateTrigger &&
			(inside || t != saga.ErrorTrigger && t != saga.EscalationTrigger)
	case "endEvent":
		return t != saga.TimerTrigger
	case "intermediateCatchEvent":
		return t == saga.TimerTrigger || t == saga.MessageTrigger || t == saga.SignalTrigger
	case "intermediateThrowEvent":
		return t != saga.TimerTrigger && t != saga.ErrorTrigger && t != saga.TerminateTrigger
	case "boundaryEvent":
		return t != saga.NoTrigger && t != saga.TerminateTrigger
	}
	return false
}

// definitions returns the event definitions of an event, those that it refers
// to included.
func (p *parser) definitions(e *element) []*element {
	var list []*element
	for _, c := range e.children {
		switch {
		case c.isModel() && strings.HasSuffix(c.name, "EventDefinition"):
			list = append(list, c)
		case c.is("eventDefinitionRef"):
			if d := p.roots[local(c.text)]; d != nil {
				list = append(list, d)
			} else {
				p.fault(e, "its event definition %q is not defined", c.text)
			}
		}
	}
	return list
}

// local returns the local part of a qualified name.
func local(name string) string {
	if i := strings.LastIndexByte(name, ':'); i >= 0 {
		return name[i+1:]
	}
	return name
}

// named returns an attribute of the root element that an event refers to, or
// else the id of that element.
func (p *parser) named(kind, ref, attr string, e *element) string {
	if ref == "" {
		return ""
	}
	root := p.roots[local(ref)]
	if root == nil && kind == "error" && !p.zeebe {
		p.warn(e, "its error %q is not defined; taken to be its code", ref)
		return ref
	}
	if root == nil || root.name != kind {
		p.fault(e, "its %s %q is not defined", kind, ref)
		return ""
	}
	if name := root.attr(attr); name != "" {
		return name
	}
	return root.id()
}

// message reads which message an event waits for, or tells.
func (p *parser) message(e, d *element, n *saga.Node) {
	ref := d.attr("messageRef")
	n.Event = p.named("message", ref, "name", e)
	if n.Event == "" {
		n.Event = e.id()
	}
	root := p.roots[local(ref)]
	if root == nil {
		return
	}
	if s := root.extension(spaceZeebe, "subscription"); s != nil && s.attr("correlationKey") != "" {
		n.Key = p.value(s, s.attr("correlationKey"))
	}
}

// link notes one end of a link: a throw event passes its token to the catch
// event of the same name.
func (p *parser) link(e, d *element, n *saga.Node) {
	n.Trigger = saga.NoTrigger
	name := d.attr("name")
	if name == "" {
		name = e.attr("name")
	}
	key := linkKey{scope: n.Scope, name: name}
	switch e.name {
	case "intermediateThrowEvent":
		p.linksFrom = append(p.linksFrom, linkEnd{key: key, e: e})
	case "intermediateCatchEvent":
		if _, twice := p.linksTo[key]; twice {
			p.fault(e, "another link event catches %q", name)
		}
		p.linksTo[key] = e
	default:
		p.fault(e, "a link is only a throw or a catch event")
	}
}

type linkKey struct {
	scope int
	name  string
}

type linkEnd struct {
	key linkKey
	e   *element
}

// links turns link events into flows.
func (p *parser) links() {
	for _, from := range p.linksFrom {
		to, ok := p.linksTo[from.key]
		if !ok {
			p.fault(from.e, "no link event catches %q", from.key.name)
			continue
		}
		p.d.Flows = append(p.d.Flows, saga.Flow{
			ID: from.e.id() + "-link", From: p.nodes[from.e.id()], To: p.nodes[to.id()], Line: from.e.line,
		})
	}
}

// boundary reads an event that sits on an activity.
func (p *parser) boundary(e *element, scope int) {
	ref := e.attr("attachedToRef")
	if handler := p.elements[ref]; handler != nil && handler.attr("isForCompensation") == "true" {
		p.fault(e, "it is attached to a compensation handler")
		return
	}
	host, ok := p.nodes[ref]
	if !ok {
		if _, drawn := p.elements[ref]; !drawn {
			p.fault(e, "it is attached to %q, which is no activity of the flow", ref)
		}
		return
	}
	n := saga.Node{
		ID: stepOf(e), Element: e.id(), Name: e.attr("name"), Kind: saga.Boundary, Line: e.line, Default: -1,
		Scope: scope, Host: host, Continues: e.attr("cancelActivity") == "false",
	}
	p.event(e, &n)
	switch n.Trigger {
	case saga.CompensationTrigger:
		p.compensation(e, host)
		return
	case saga.NoTrigger:
		if len(p.definitions(e)) == 0 {
			p.fault(e, "nothing sets it off")
		}
		return
	case saga.ErrorTrigger:
		n.Continues = false
	case saga.TimerTrigger, saga.MessageTrigger, saga.SignalTrigger, saga.EscalationTrigger, saga.TerminateTrigger:
	}
	p.add(e, n)
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
	}
	undo := saga.Node{ID: stepOf(handler), Line: handler.line}
	if !p.activity(handler, &undo) || undo.Kind == saga.SubProcess || undo.Kind == saga.Call {
		p.fault(handler, "a compensation handler must be a task")
		return
	}
	p.d.Nodes[host].Undo = &saga.Undo{Step: undo.ID, Service: undo.Service, Person: undo.Kind == saga.User}
}
