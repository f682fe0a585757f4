package bpmn

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/docsaga/docsaga/saga"
)

// vendor returns an attribute that an engine of the Activiti family knows.
func vendor(e *element, name string) string {
	if e == nil {
		return ""
	}
	for _, space := range []string{spaceCamunda, spaceFlowable, spaceActiviti} {
		if v := e.attrIn(space, name); v != "" {
			return v
		}
	}
	return ""
}

// vendorChild returns an extension element that such an engine knows.
func vendorChild(e *element, name string) *element {
	for _, space := range []string{spaceCamunda, spaceFlowable, spaceActiviti} {
		if c := e.extension(space, name); c != nil {
			return c
		}
	}
	return nil
}

// activity reads a task, sub-process or call, and reports whether the element
// is one.
func (p *parser) activity(e *element, n *saga.Node) bool {
	switch e.name {
	case "task", "manualTask":
		n.Kind = saga.Task
	case "serviceTask", "businessRuleTask":
		n.Kind = saga.Service
		p.service(e, n)
	case "sendTask":
		p.send(e, n)
	case "receiveTask":
		n.Kind, n.Trigger = saga.Catch, saga.MessageTrigger
		p.message(e, e, n)
		p.mappings(e, n)
	case "userTask":
		n.Kind = saga.User
		p.person(e, n)
	case "scriptTask":
		p.script(e, n)
	case "callActivity":
		n.Kind = saga.Call
		p.call(e, n)
	case "subProcess":
		n.Kind = saga.SubProcess
	default:
		return false
	}
	p.loop(e, n)
	for _, c := range e.child("extensionElements").childrenOf() {
		if strings.HasSuffix(c.name, "Listener") {
			p.warn(c, "listeners do not run")
		}
	}
	return true
}

func (e *element) childrenOf() []*element {
	if e == nil {
		return nil
	}
	return e.children
}

// send reads a send task: a service's, or else a message that is told.
func (p *parser) send(e *element, n *saga.Node) {
	if e.extension(spaceZeebe, "taskDefinition") != nil || vendorCode(e) != "" || vendor(e, "topic") != "" {
		n.Kind = saga.Service
		p.service(e, n)
		return
	}
	n.Kind, n.Trigger = saga.Throw, saga.MessageTrigger
	p.message(e, e, n)
	p.mappings(e, n)
}

// person reads who does a user task.
func (p *parser) person(e *element, n *saga.Node) {
	n.Person = &saga.Person{}
	optional := func(at *element, texts ...string) saga.Expression {
		for _, text := range texts {
			if text != "" {
				return p.value(at, text)
			}
		}
		return nil
	}
	a, d, f := e.extension(spaceZeebe, "assignmentDefinition"), e.extension(spaceZeebe, "taskSchedule"), e.extension(spaceZeebe, "formDefinition")
	n.Person.Assignee = optional(e, a.attrOf("assignee"), vendor(e, "assignee"))
	n.Person.Groups = optional(e, a.attrOf("candidateGroups"), vendor(e, "candidateGroups"))
	n.Person.Users = optional(e, a.attrOf("candidateUsers"), vendor(e, "candidateUsers"))
	n.Person.Due = optional(e, d.attrOf("dueDate"), vendor(e, "dueDate"))
	for _, form := range []string{f.attrOf("formKey"), f.attrOf("formId"), vendor(e, "formKey"), vendor(e, "formRef")} {
		if n.Person.Form == "" {
			n.Person.Form = form
		}
	}
	p.schema(e, n.Person)
	p.mappings(e, n)
}

// schema reads what the data of a person's form must be: a JSON Schema in a
// task header, or property, named schema.
func (p *parser) schema(e *element, person *saga.Person) {
	headers, properties := e.extension(spaceZeebe, "taskHeaders").childrenOf(), e.extension(spaceZeebe, "properties").childrenOf()
	for _, h := range slices.Concat(headers, properties) {
		if cmp.Or(h.attr("key"), h.attr("name")) != "schema" {
			continue
		}
		person.Schema = json.RawMessage(h.attr("value"))
		if !json.Valid(person.Schema) {
			p.fault(e, "its schema is not JSON")
		}
	}
}

func (e *element) attrOf(name string) string {
	if e == nil {
		return ""
	}
	return e.attr(name)
}

// script reads a script task: FEEL, or a service that runs it.
func (p *parser) script(e *element, n *saga.Node) {
	n.Kind = saga.Script
	if s := e.extension(spaceZeebe, "script"); s != nil {
		p.makes(s, n, s.attr("expression"), s.attr("resultVariable"))
		return
	}
	if e.extension(spaceZeebe, "taskDefinition") != nil {
		n.Kind = saga.Service
		p.service(e, n)
		return
	}
	text := ""
	if s := e.child("script"); s != nil {
		text = s.text
	}
	switch format := strings.ToLower(e.attr("scriptFormat")); {
	case text == "":
		n.Kind = saga.Task
	case strings.Contains(format, "feel"), format == "juel", format == "" && strings.Contains(text, "${"):
		p.makes(e, n, text, vendor(e, "resultVariable"))
	default:
		p.fault(e, "scripts in %.40s are not supported; write FEEL", e.attr("scriptFormat"))
	}
}

// makes sets the output of a script: its value under a name, or the value
// itself if it has none.
func (p *parser) makes(e *element, n *saga.Node, text, name string) {
	value := p.expression(e, text)
	if value == nil {
		return
	}
	n.Makes = value
	if name != "" {
		n.Makes = object{name: name, value: value}
	}
}

// An object is an expression whose value is an object of one member.
type object struct {
	name  string
	value saga.Expression
}

// String returns the member's expression as it was drawn.
func (o object) String() string { return o.value.String() }

// Eval returns the object.
func (o object) Eval(v saga.Vars) (json.RawMessage, error) {
	return saga.Map([]saga.Input{{Target: o.name, Source: o.value}}, v)
}

// call reads which definition a call activity runs.
func (p *parser) call(e *element, n *saga.Node) {
	called := e.attr("calledElement")
	if c := e.extension(spaceZeebe, "calledElement"); c != nil {
		called = c.attr("processId")
	}
	switch {
	case called == "":
		p.fault(e, "nothing says which definition it calls")
	case strings.HasPrefix(called, "=") || strings.Contains(called, "{"):
		n.CallsBy = p.value(e, called)
	default:
		n.Calls = token(local(called))
	}
	p.mappings(e, n)
}

// loop reads whether an activity is done once for each item.
func (p *parser) loop(e *element, n *saga.Node) {
	if c := e.child("standardLoopCharacteristics"); c != nil {
		p.fault(e, "standardLoopCharacteristics is not supported; draw the loop, or use a multi-instance")
	}
	m := e.child("multiInstanceLoopCharacteristics")
	if m == nil {
		return
	}
	l := &saga.Loop{Sequential: m.attr("isSequential") == "true"}
	z := m.extension(spaceZeebe, "loopCharacteristics")
	collection, item := z.attrOf("inputCollection"), z.attrOf("inputElement")
	if collection == "" {
		collection, item = vendor(m, "collection"), vendor(m, "elementVariable")
		if collection != "" && !strings.ContainsAny(collection, "={") {
			collection = "=" + collection
		}
	}
	l.Item = item
	switch count := m.child("loopCardinality"); {
	case collection != "":
		l.Items = p.value(m, collection)
	case count != nil && count.text != "":
		l.Count = p.count(count)
	default:
		p.fault(e, "its multi-instance has no collection and no number")
		return
	}
	if output := z.attrOf("outputElement"); output != "" {
		l.Output, l.Collect = z.attrOf("outputCollection"), p.value(m, output)
	}
	if until := m.child("completionCondition"); until != nil && until.text != "" {
		l.Until = p.expression(until, until.text)
	}
	n.Loop = l
}

func (p *parser) count(e *element) saga.Expression {
	if _, err := strconv.Atoi(e.text); err == nil {
		return literal{text: e.text, json: json.RawMessage(e.text)}
	}
	return p.expression(e, e.text)
}
