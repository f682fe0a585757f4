package apitest

import (
	"encoding/json"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/projections"
	"github.com/docsaga/docsaga/saga/catalog"
)

// Approval is a definition in which a person approves.
const Approval = `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:z="http://camunda.org/schema/zeebe/1.0"
	xmlns:di="http://www.omg.org/spec/BPMN/20100524/DI" xmlns:dc="http://www.omg.org/spec/DD/20100524/DC" targetNamespace="t">
  <process id="approval" isExecutable="true">
    <startEvent id="start"/>
    <sequenceFlow id="f1" sourceRef="start" targetRef="approve"/>
    <userTask id="approve" name="Approve the invoice"><extensionElements>
      <z:assignmentDefinition candidateGroups="accounting"/>
      <z:taskHeaders><z:header key="schema" value='{"type":"object","required":["approved"],"properties":{"approved":{"type":"boolean"},"amount":{"type":"number"},"note":{"type":"string"}},"additionalProperties":false}'/></z:taskHeaders>
    </extensionElements></userTask>
    <sequenceFlow id="f2" sourceRef="approve" targetRef="end"/>
    <endEvent id="end"/>
  </process>
  <di:BPMNDiagram id="diagram"><di:BPMNPlane id="plane" bpmnElement="approval">
    <di:BPMNShape id="s1" bpmnElement="start"><dc:Bounds x="100" y="102" width="36" height="36"/></di:BPMNShape>
    <di:BPMNShape id="s2" bpmnElement="approve"><dc:Bounds x="200" y="80" width="100" height="80"/></di:BPMNShape>
    <di:BPMNShape id="s3" bpmnElement="end"><dc:Bounds x="360" y="102" width="36" height="36"/></di:BPMNShape>
  </di:BPMNPlane></di:BPMNDiagram>
</definitions>`

// Approve submits a document that a person of the group accounting must approve.
func (s *System) Approve(id events.DocumentID) {
	s.t.Helper()
	s.submitTo("approval", Approval, id, `{"location":"https://example.com/","name":"to approve.pdf","amount":12}`)
}

// Payment is a definition in which a document waits for a message, and then
// for a signal.
const Payment = `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:z="http://camunda.org/schema/zeebe/1.0"
	xmlns:di="http://www.omg.org/spec/BPMN/20100524/DI" xmlns:dc="http://www.omg.org/spec/DD/20100524/DC" targetNamespace="t">
  <message id="m" name="paid"><extensionElements><z:subscription correlationKey="=order"/></extensionElements></message>
  <signal id="s" name="stock-closed"/>
  <process id="payment" isExecutable="true">
    <startEvent id="start"/>
    <sequenceFlow id="f1" sourceRef="start" targetRef="pay"/>
    <intermediateCatchEvent id="pay" name="Wait for the money"><messageEventDefinition messageRef="m"/></intermediateCatchEvent>
    <sequenceFlow id="f2" sourceRef="pay" targetRef="close"/>
    <intermediateCatchEvent id="close" name="Wait for the stock"><signalEventDefinition signalRef="s"/></intermediateCatchEvent>
    <sequenceFlow id="f3" sourceRef="close" targetRef="end"/>
    <endEvent id="end"/>
  </process>
  <di:BPMNDiagram id="diagram"><di:BPMNPlane id="plane" bpmnElement="payment">
    <di:BPMNShape id="s1" bpmnElement="start"><dc:Bounds x="100" y="102" width="36" height="36"/></di:BPMNShape>
    <di:BPMNShape id="s2" bpmnElement="pay"><dc:Bounds x="200" y="102" width="36" height="36"/></di:BPMNShape>
    <di:BPMNShape id="s3" bpmnElement="close"><dc:Bounds x="300" y="102" width="36" height="36"/></di:BPMNShape>
    <di:BPMNShape id="s4" bpmnElement="end"><dc:Bounds x="400" y="102" width="36" height="36"/></di:BPMNShape>
  </di:BPMNPlane></di:BPMNDiagram>
</definitions>`

// Order submits a document that waits for the payment of an order.
func (s *System) Order(id events.DocumentID, order string) {
	s.t.Helper()
	input, err := json.Marshal(map[string]string{"location": "https://example.com/", "name": "order.pdf", "order": order})
	if err != nil {
		s.t.Fatal(err)
	}
	s.submitTo("payment", Payment, id, string(input))
}

// submitTo deploys a definition and submits a document to it.
func (s *System) submitTo(definition, drawn string, id events.DocumentID, input string) {
	s.t.Helper()
	if _, err := catalog.Deploy(s.t.Context(), s.Log, []byte(drawn)); err != nil {
		s.t.Fatal(err)
	}
	_, err := s.Log.Write(s.t.Context(), events.Event{
		Slot: events.DocumentSlot(definition, 1, id, events.Submitted), Source: "/test", Worker: "test", Time: time.Now().UTC().Truncate(time.Millisecond),
		Data: []byte(`{"output":` + input + `}`),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.Await(id, projections.Running)
}
