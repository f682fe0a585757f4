package bench

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/docsaga/docsaga/events"
)

const flowName = "bench"

// earlier is the name of the flow of documents that are there already.
const earlier = "earlier"

// stepName returns the name of a step, and of the service that does it.
func stepName(n int) events.StepID { return events.StepID("step-" + strconv.Itoa(n)) }

// drawn returns a flow as BPMN: so many steps, one after another. Who does a step
// is named after it, behind the prefix.
func drawn(name, prefix string, steps int) []byte {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" id="d" targetNamespace="bench">
<process id="` + name + `" isExecutable="true">
<startEvent id="start"/>`)
	from := "start"
	for n := 1; n <= steps; n++ {
		fmt.Fprintf(&b, `
<sequenceFlow id="flow-%d" sourceRef="%s" targetRef="%s"/>
<serviceTask id="%s"><extensionElements><zeebe:taskDefinition type="%s"/></extensionElements></serviceTask>`,
			n, from, stepName(n), stepName(n), prefix+string(stepName(n)))
		from = string(stepName(n))
	}
	fmt.Fprintf(&b, `
<sequenceFlow id="flow-end" sourceRef="%s" targetRef="end"/>
<endEvent id="end"/>
</process>
</definitions>`, from)
	return []byte(b.String())
}

// What a submission says, and what every outcome after it carries.
const (
	submitted = `{"name":"invoice-2026-000123.pdf","location":"upload:sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}`
	carried   = `{"context":{"document":` + submitted + `}}`
)

// documentID returns the id of the n-th document, as long as a ULID.
func documentID(n int) events.DocumentID {
	return events.DocumentID(fmt.Sprintf("01BENCH%019d", n))
}

// documentNumber reads what [documentID] made.
func documentNumber(id events.DocumentID) int {
	n, err := strconv.Atoi(strings.TrimPrefix(string(id), "01BENCH"))
	if err != nil {
		return -1
	}
	return n
}
