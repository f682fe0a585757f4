package bpmn_test

import (
	"fmt"

	"github.com/docsaga/docsaga/saga/bpmn"
)

func ExampleCheck() {
	report := bpmn.Check([]byte(`<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL">
<process id="claims" isExecutable="true">
  <startEvent id="start"/>
  <exclusiveGateway id="large" default="no"/>
  <userTask id="look"/>
  <manualTask id="file"/>
  <parallelGateway id="join"/>
  <endEvent id="end"/>
  <sequenceFlow id="f1" sourceRef="start" targetRef="large"/>
  <sequenceFlow id="yes" sourceRef="large" targetRef="look">
    <conditionExpression>=sum > 1000</conditionExpression>
  </sequenceFlow>
  <sequenceFlow id="no" sourceRef="large" targetRef="file"/>
  <sequenceFlow id="f2" sourceRef="look" targetRef="join"/>
  <sequenceFlow id="f3" sourceRef="file" targetRef="join"/>
  <sequenceFlow id="f4" sourceRef="join" targetRef="end"/>
</process>
</definitions>`))
	fmt.Println(report.Name, report.Sound)
	for _, finding := range report.Findings {
		fmt.Println(finding)
	}
	// Output:
	// claims false
	// error: line 7: parallelGateway join: deadlock: it can wait for ever for a token on f2
}
