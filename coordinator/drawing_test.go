package coordinator_test

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"
)

// A drawer draws random sound processes in BPMN: blocks within blocks.
type drawer struct {
	t     *rapid.T
	count int
	depth int
}

// A piece has one way in and one way out.
type piece struct{ in, out string }

// scope is what is drawn in the process or in one sub-process.
type scope struct{ strings.Builder }

func (s *scope) draw(format string, args ...any) { _, _ = fmt.Fprintf(s, format, args...) }

func (d *drawer) id(kind string) string {
	d.count++
	return fmt.Sprintf("%s%d", kind, d.count)
}

func (d *drawer) flow(s *scope, from, to, condition string) string {
	id := d.id("f")
	if condition != "" {
		condition = "<conditionExpression>=" + condition + "</conditionExpression>"
	}
	s.draw(`<sequenceFlow id="%s" sourceRef="%s" targetRef="%s">%s</sequenceFlow>`+"\n", id, from, to, condition)
	return id
}

func (d *drawer) process() string {
	var s scope
	last := "start"
	s.WriteString(`<startEvent id="start"/>`)
	for range rapid.IntRange(1, 3).Draw(d.t, "blocks") {
		p := d.block(&s)
		d.flow(&s, last, p.in, "")
		last = p.out
	}
	s.WriteString(`<endEvent id="end"/>`)
	d.flow(&s, last, "end", "")
	return s.String()
}

func (d *drawer) block(s *scope) piece {
	kinds := []string{"step", "sequence", "exclusive", "parallel", "inclusive", "loop", "sub", "items", "timer", "recall", "error", "deadline", "race", "script"}
	if d.depth++; d.depth > 3 {
		kinds = kinds[:1]
	}
	defer func() { d.depth-- }()
	switch rapid.SampledFrom(kinds).Draw(d.t, "block") {
	case "sequence":
		a, b := d.block(s), d.block(s)
		d.flow(s, a.out, b.in, "")
		return piece{a.in, b.out}
	case "exclusive":
		return d.split(s, "exclusiveGateway")
	case "parallel":
		return d.split(s, "parallelGateway")
	case "inclusive":
		return d.split(s, "inclusiveGateway")
	case "loop":
		return d.loop(s)
	case "sub":
		return d.sub(s)
	case "items":
		return d.step(s, fmt.Sprintf(`<multiInstanceLoopCharacteristics isSequential="%t"><extensionElements><zeebe:loopCharacteristics inputCollection="=[1,2]" inputElement="x"/></extensionElements></multiInstanceLoopCharacteristics>`,
			rapid.Bool().Draw(d.t, "sequential")))
	case "timer":
		return d.element(s, "intermediateCatchEvent", `<timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition>`)
	case "recall":
		return d.element(s, "intermediateThrowEvent", `<compensateEventDefinition/>`)
	case "script":
		return d.element(s, "scriptTask", `<extensionElements><zeebe:script expression="=1 + 1" resultVariable="two"/></extensionElements>`)
	case "error":
		return d.caught(s, `<errorEventDefinition errorRef="E"/>`)
	case "deadline":
		return d.caught(s, `<timerEventDefinition><timeDuration>PT1M</timeDuration></timerEventDefinition>`)
	case "race":
		return d.race(s)
	}
	return d.step(s, "")
}

func (d *drawer) element(s *scope, kind, content string) piece {
	id := d.id(kind[:4])
	s.draw(`<%s id="%s">%s</%[1]s>`+"\n", kind, id, content)
	return piece{id, id}
}

func (d *drawer) step(s *scope, content string) piece {
	policy := rapid.SampledFrom([]string{"stop", "wait"}).Draw(d.t, "on failure")
	p := d.element(s, "serviceTask", `<extensionElements><zeebe:taskDefinition type="s"/><zeebe:taskHeaders><zeebe:header key="on-failure" value="`+policy+`"/></zeebe:taskHeaders></extensionElements>`+content)
	d.undo(s, p.in)
	return p
}

// undo draws a compensation handler for some activities.
func (d *drawer) undo(s *scope, activity string) {
	if rapid.IntRange(0, 2).Draw(d.t, "undo") == 0 {
		return
	}
	s.draw(`<boundaryEvent id="c_%[1]s" attachedToRef="%[1]s"><compensateEventDefinition/></boundaryEvent>
<serviceTask id="u_%[1]s" isForCompensation="true"><extensionElements><zeebe:taskDefinition type="u"/></extensionElements></serviceTask>
<association id="a_%[1]s" sourceRef="c_%[1]s" targetRef="u_%[1]s"/>`+"\n", activity)
}

func (d *drawer) split(s *scope, kind string) piece {
	in, out := d.id("split"), d.id("join")
	var inside scope
	first := ""
	for i := range rapid.IntRange(2, 3).Draw(d.t, "branches") {
		p := d.block(&inside)
		condition := ""
		if kind != "parallelGateway" && i > 0 {
			condition = fmt.Sprintf("n = %d", i)
		}
		f := d.flow(&inside, in, p.in, condition)
		if i == 0 && kind != "parallelGateway" {
			first = ` default="` + f + `"`
		}
		d.flow(&inside, p.out, out, "")
	}
	s.draw(`<%[1]s id="%[2]s"%[3]s/><%[1]s id="%[4]s"/>`+"\n%[5]s", kind, in, first, out, inside.String())
	return piece{in, out}
}

// loop draws a step that is done again until it says otherwise.
func (d *drawer) loop(s *scope) piece {
	in, out := d.id("again"), d.id("enough")
	p := d.step(s, "")
	d.flow(s, in, p.in, "")
	d.flow(s, p.out, out, "")
	d.flow(s, out, in, p.in+".n = 2")
	after := d.element(s, "task", "")
	left := d.flow(s, out, after.in, "")
	s.draw(`<exclusiveGateway id="%s"/><exclusiveGateway id="%s" default="%s"/>`+"\n", in, out, left)
	return piece{in, after.out}
}

func (d *drawer) sub(s *scope) piece {
	var inside scope
	start, end := d.element(&inside, "startEvent", ""), d.element(&inside, "endEvent", "")
	p := d.block(&inside)
	d.flow(&inside, start.out, p.in, "")
	d.flow(&inside, p.out, end.in, "")
	whole := d.element(s, "subProcess", "\n"+inside.String())
	d.undo(s, whole.in)
	return whole
}

// caught draws a step with a boundary event whose path meets the other again.
func (d *drawer) caught(s *scope, definition string) piece {
	host, event, meet := d.step(s, ""), d.id("event"), d.id("meet")
	s.draw(`<boundaryEvent id="%s" attachedToRef="%s">%s</boundaryEvent><exclusiveGateway id="%s"/>`+"\n", event, host.in, definition, meet)
	p := d.block(s)
	d.flow(s, event, p.in, "")
	d.flow(s, p.out, meet, "")
	d.flow(s, host.out, meet, "")
	return piece{host.in, meet}
}

func (d *drawer) race(s *scope) piece {
	gate, meet := d.id("race"), d.id("meet")
	s.draw(`<eventBasedGateway id="%s"/><exclusiveGateway id="%s"/>`+"\n", gate, meet)
	for hours := range 2 {
		event := d.element(s, "intermediateCatchEvent", fmt.Sprintf(`<timerEventDefinition><timeDuration>PT%dH</timeDuration></timerEventDefinition>`, hours+1))
		p := d.block(s)
		d.flow(s, gate, event.in, "")
		d.flow(s, event.out, p.in, "")
		d.flow(s, p.out, meet, "")
	}
	return piece{gate, meet}
}
