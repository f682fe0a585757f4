package dryrun_test

import (
	"encoding/json"
	"fmt"

	"github.com/docsaga/docsaga/saga/bpmn"
	"github.com/docsaga/docsaga/saga/dryrun"
)

func ExampleRun() {
	d, err := bpmn.Parse([]byte(`<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL">
<process id="claims" isExecutable="true">
  <startEvent id="start"/>
  <scriptTask id="rate" scriptFormat="feel"><script>{large: sum > 1000}</script></scriptTask>
  <exclusiveGateway id="how" default="no"/>
  <userTask id="look"/>
  <endEvent id="end"/>
  <sequenceFlow id="f1" sourceRef="start" targetRef="rate"/>
  <sequenceFlow id="f2" sourceRef="rate" targetRef="how"/>
  <sequenceFlow id="yes" sourceRef="how" targetRef="look">
    <conditionExpression>=large</conditionExpression>
  </sequenceFlow>
  <sequenceFlow id="no" sourceRef="how" targetRef="end"/>
  <sequenceFlow id="f3" sourceRef="look" targetRef="end"/>
</process>
</definitions>`), 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := dryrun.Run(d, dryrun.Options{Variables: json.RawMessage(`{"sum": 1200}`)})
	fmt.Println(result.State, result.Trace, string(result.Variables["large"]), err)
	// Output: completed [start rate how look end] true <nil>
}
