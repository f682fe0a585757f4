package bpmn

import (
	"strconv"
	"strings"
	"time"

	"github.com/docsaga/docsaga/saga"
)

// service reads what Camunda Modeler writes for a task that a worker does.
func (p *parser) service(e *element, n *saga.Node) {
	task := e.extension(spaceZeebe, "taskDefinition")
	if task == nil {
		p.fault(e, "no zeebe:taskDefinition says which service does it")
		return
	}
	n.Service = strings.TrimPrefix(task.attr("type"), "=")
	if quoted, err := strconv.Unquote(n.Service); err == nil {
		n.Service = quoted
	}
	if n.Service == "" {
		p.fault(task, "type is missing")
	}
	if retries := task.attr("retries"); retries != "" {
		count, err := strconv.Atoi(strings.TrimPrefix(retries, "="))
		if err != nil || count < 0 || count > 1000 {
			p.fault(task, "retries %.40q: want a number from 0 to 1000", retries)
		}
		n.Retries = count
	}
	for _, input := range e.extension(spaceZeebe, "ioMapping").inputs() {
		target := input.attr("target")
		if target == "" {
			p.fault(input, "target is missing")
			continue
		}
		if source := p.expression(input, input.attr("source")); source != nil {
			n.Inputs = append(n.Inputs, saga.Input{Target: target, Source: source})
		}
	}
	p.headers(e, n)
}

func (e *element) inputs() []*element {
	if e == nil {
		return nil
	}
	return e.allIn(spaceZeebe, "input")
}

// headers reads the task headers that mean something to docsaga.
func (p *parser) headers(e *element, n *saga.Node) {
	headers := e.extension(spaceZeebe, "taskHeaders")
	if headers == nil {
		return
	}
	for _, h := range headers.allIn(spaceZeebe, "header") {
		value := h.attr("value")
		switch h.attr("key") {
		case "timeout":
			timeout, err := parseDuration(value)
			if err != nil || timeout.months != 0 || timeout.rest <= 0 {
				p.fault(h, "timeout %.40q: want an ISO 8601 duration without years and months, such as PT30S", value)
				continue
			}
			n.Timeout = timeout.rest
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
