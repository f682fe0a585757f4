package bpmn

import (
	"strconv"
	"strings"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

// vendorCode returns what names code of another engine, which does not run here.
func vendorCode(e *element) string {
	for _, name := range []string{"class", "delegateExpression", "expression"} {
		if v := vendor(e, name); v != "" {
			return name + " " + v
		}
	}
	if t := vendor(e, "type"); t != "" && t != "external" && t != "external-worker" {
		return "type " + t
	}
	if vendor(e, "decisionRef") != "" {
		return "decisionRef " + vendor(e, "decisionRef")
	}
	if vendorChild(e, "connector") != nil {
		return "connector"
	}
	return ""
}

// service reads which service does a task, and how.
func (p *parser) service(e *element, n *saga.Node) {
	task := e.extension(spaceZeebe, "taskDefinition")
	decision := e.extension(spaceZeebe, "calledDecision")
	topic := vendor(e, "topic")
	for _, d := range e.all("messageEventDefinition") {
		if topic == "" {
			topic = vendor(d, "topic")
		}
	}
	switch {
	case task != nil:
		n.Service = p.typeOf(task)
	case decision != nil:
		p.fault(e, "decisions are not supported; give it a zeebe:taskDefinition")
	case vendorCode(e) != "":
		p.fault(e, "%s is code of another engine; make it an external task with a topic, or give it a zeebe:taskDefinition", vendorCode(e))
	case topic != "":
		n.Service = token(topic)
	case e.name == "businessRuleTask":
		p.fault(e, "decisions are not supported; give it a zeebe:taskDefinition")
	case p.zeebe || vendor(e, "type") != "":
		p.fault(e, "no zeebe:taskDefinition says which service does it")
	default:
		p.warn(e, "nothing says which service does it; taken to be one of the name %s", n.ID)
		n.Service = string(n.ID)
	}
	p.mappings(e, n)
	p.headers(e, n)
}

// typeOf returns the service that a task definition names.
func (p *parser) typeOf(task *element) string {
	name := strings.TrimSpace(strings.TrimPrefix(task.attr("type"), "="))
	if quoted, err := strconv.Unquote(name); err == nil {
		name = quoted
	}
	if name == "" {
		p.fault(task, "type is missing")
		return ""
	}
	if events.CheckID(name) != nil {
		name = token(name)
	}
	return name
}

// mappings reads what a task takes and keeps.
func (p *parser) mappings(e *element, n *saga.Node) {
	task := e.extension(spaceZeebe, "taskDefinition")
	if retries := task.attrOf("retries"); retries != "" {
		count, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(retries, "=")))
		if err != nil || count < 0 || count > 1000 {
			p.fault(task, "retries %.40q: want a number from 0 to 1000", retries)
		}
		n.Retries = count
	}
	for _, m := range e.extension(spaceZeebe, "ioMapping").childrenOf() {
		switch m.name {
		case "input":
			n.Inputs = p.mapping(n.Inputs, m, m.attr("target"), m.attr("source"))
		case "output":
			n.Outputs = p.mapping(n.Outputs, m, m.attr("target"), m.attr("source"))
		}
	}
	for _, m := range vendorChild(e, "inputOutput").childrenOf() {
		if len(m.children) > 0 {
			p.warn(m, "only parameters of one value are read")
			continue
		}
		switch m.name {
		case "inputParameter":
			n.Inputs = p.mapping(n.Inputs, m, m.attr("name"), m.text)
		case "outputParameter":
			n.Outputs = p.mapping(n.Outputs, m, m.attr("name"), m.text)
		}
	}
}

func (p *parser) mapping(list []saga.Input, m *element, target, source string) []saga.Input {
	if target == "" {
		p.fault(m, "target is missing")
		return list
	}
	x := p.value(m, source)
	if x == nil {
		return list
	}
	return append(list, saga.Input{Target: target, Source: x})
}

// headers reads the task headers that mean something to docsaga.
func (p *parser) headers(e *element, n *saga.Node) {
	for _, h := range e.extension(spaceZeebe, "taskHeaders").childrenOf() {
		value := h.attr("value")
		switch h.attr("key") {
		case "timeout":
			timeout, err := parseDuration(value)
			if err != nil || timeout.months != 0 || timeout.rest <= 0 {
				p.fault(h, "timeout %.40q: want an ISO 8601 duration without years and months, such as PT30S", value)
				continue
			}
			n.Timeout = timeout.rest
		case "effect":
			if n.Pure = value == "none"; !n.Pure && value != "" {
				p.fault(h, "effect %.40q: want none, or no such header", value)
			}
		case "on-failure":
			switch value {
			case "wait":
				n.OnFail = saga.Wait
			case "stop", "":
			default:
				p.fault(h, "on-failure %.40q: want stop or wait", value)
			}
		}
	}
}

// A duration is what ISO 8601 can say: months have no fixed length.
type duration struct {
	months int
	rest   time.Duration
}

// after returns t plus the duration, counted on the calendar in UTC.
func (d duration) after(t time.Time) time.Time {
	return t.UTC().AddDate(0, d.months, 0).Add(d.rest)
}
