package dryrun

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/bpmn"
)

func file(drawn string) []byte {
	return []byte(`<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0">
<message id="M" name="paid"><extensionElements><zeebe:subscription correlationKey="=order"/></extensionElements></message><signal id="S" name="stop"/>
<process id="p" isExecutable="true">` + drawn + `</process></definitions>`)
}

func flows(pairs ...string) string {
	var drawn strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		drawn.WriteString(`<sequenceFlow id="` + pairs[i] + "-" + pairs[i+1] + `" sourceRef="` + pairs[i] + `" targetRef="` + pairs[i+1] + `"/>`)
	}
	return drawn.String()
}

func service(id string) string {
	return `<serviceTask id="` + id + `"><extensionElements><zeebe:taskDefinition type="` + id + `"/></extensionElements></serviceTask>`
}

func undo(id string) string {
	return `<boundaryEvent id="c-` + id + `" attachedToRef="` + id + `"><compensateEventDefinition/></boundaryEvent>
<serviceTask id="undo-` + id + `" isForCompensation="true"><extensionElements><zeebe:taskDefinition type="x"/></extensionElements></serviceTask>
<association sourceRef="c-` + id + `" targetRef="undo-` + id + `"/>`
}

const (
	begin = `<startEvent id="s"/>`
	end   = `<endEvent id="e"/>`
)

func parse(t *testing.T, drawn string) *saga.Definition {
	t.Helper()
	d, err := bpmn.Parse(file(drawn), 1)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func script(t *testing.T, text string) *Script {
	t.Helper()
	if text == "" {
		return nil
	}
	var s Script
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

func TestADryRunSaysWhereADocumentGoes(t *testing.T) {
	loop := begin + `<exclusiveGateway id="m"/>` + service("a") + `<exclusiveGateway id="x" default="x-e"/>` + end +
		flows("s", "m", "m", "a", "a", "x", "x", "e") +
		`<sequenceFlow id="back" sourceRef="x" targetRef="m"><conditionExpression>=again</conditionExpression></sequenceFlow>`
	message := begin + `<intermediateCatchEvent id="m"><messageEventDefinition messageRef="M"/></intermediateCatchEvent>` + end + flows("s", "m", "m", "e")
	timer := begin + `<userTask id="u"/><boundaryEvent id="b" attachedToRef="u"><timerEventDefinition><timeDuration>P3D</timeDuration></timerEventDefinition></boundaryEvent>` +
		`<endEvent id="late"/>` + end + flows("s", "u", "u", "e", "b", "late")
	two := begin + service("a") + undo("a") + service("b") + end + flows("s", "a", "a", "b", "b", "e")
	signal := begin + `<parallelGateway id="f"/><intermediateCatchEvent id="w"><signalEventDefinition signalRef="S"/></intermediateCatchEvent>` +
		`<intermediateThrowEvent id="t"><signalEventDefinition signalRef="S"/></intermediateThrowEvent>` + end + flows("s", "f", "f", "w", "f", "t", "w", "e", "t", "e")
	items := begin + `<serviceTask id="a"><extensionElements><zeebe:taskDefinition type="a"/></extensionElements><multiInstanceLoopCharacteristics isSequential="true"><extensionElements>` +
		`<zeebe:loopCharacteristics inputCollection="=list" inputElement="x" outputCollection="out" outputElement="=x * n"/></extensionElements></multiInstanceLoopCharacteristics></serviceTask>` + end + flows("s", "a", "a", "e")
	mapped := begin + `<serviceTask id="a"><extensionElements><zeebe:taskDefinition type="a"/><zeebe:ioMapping><zeebe:output source="=raw + 1" target="kept"/></zeebe:ioMapping></extensionElements></serviceTask>` + end + flows("s", "a", "a", "e")
	reminders := begin + `<receiveTask id="m" messageRef="M"/><boundaryEvent id="r" attachedToRef="m" cancelActivity="false"><timerEventDefinition><timeCycle>R/PT1H</timeCycle></timerEventDefinition></boundaryEvent>` +
		`<endEvent id="sent"/>` + end + flows("s", "m", "m", "e", "r", "sent")
	starts := begin + `<startEvent id="told"><messageEventDefinition messageRef="M"/></startEvent>` + service("a") + service("b") + end +
		flows("s", "a", "told", "b", "a", "e", "b", "e")
	tests := []struct {
		name, drawn, variables, script string
		state                          string
		trace, undone                  []string
		variable, value                string
	}{
		{
			name: "a step's output steers a loop", drawn: loop, script: `{"steps":{"a":[{"output":{"again":true}},{"output":{"again":false}}]}}`,
			state: "completed", trace: []string{"s", "m", "a", "x", "m", "a", "x", "e"}, variable: "again", value: "false",
		},
		{name: "the plain start event", drawn: starts, state: "completed", trace: []string{"s", "a", "e"}},
		{name: "another start event", drawn: starts, script: `{"start":"told"}`, state: "completed", trace: []string{"told", "b", "e"}},
		{name: "a message by itself", drawn: message, state: "completed", trace: []string{"s", "m", "e"}},
		{
			name: "a message of the script", drawn: message, variables: `{"order":"7"}`, script: `{"messages":[{"name":"paid","key":"8"},{"name":"paid","key":"7","data":{"sum":5}}]}`,
			state: "completed", trace: []string{"s", "m", "e"}, variable: "sum", value: "5",
		},
		{name: "a message after reminders without end", drawn: reminders, state: "completed", trace: []string{"s", "r", "sent", "r", "sent", "m", "e"}},
		{name: "a message that does not come", drawn: message, script: `{}`, state: "waiting", trace: []string{"s"}},
		{name: "a person in time", drawn: timer, state: "completed", trace: []string{"s", "u", "e"}},
		{name: "a person too late", drawn: timer, script: `{"steps":{"u":{"wait":true}}}`, state: "completed", trace: []string{"s", "b", "late"}},
		{name: "a rejection", drawn: two, script: `{"steps":{"b":{"reject":"no-money"}}}`, state: "rejected", trace: []string{"s", "a"}, undone: []string{"a"}},
		{name: "a failure", drawn: two, script: `{"steps":{"a":{"fail":"broken"}}}`, state: "failed", trace: []string{"s"}, undone: []string{"a"}},
		{name: "a signal to oneself", drawn: signal, state: "completed", trace: []string{"s", "f", "t", "e", "w", "e"}},
		{
			name: "items", drawn: items, variables: `{"list":[2,3]}`, script: `{"steps":{"a":[{"output":{"n":10}},{"output":{"n":100}}]}}`,
			state: "completed", trace: []string{"s", "a", "a", "a", "e"}, variable: "out", value: "[20,300]",
		},
		{name: "mapped output", drawn: mapped, script: `{"steps":{"a":{"output":{"raw":1}}}}`, state: "completed", trace: []string{"s", "a", "e"}, variable: "kept", value: "2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Run(parse(t, test.drawn), Options{Variables: json.RawMessage(test.variables), Script: script(t, test.script)})
			if err != nil || got.State != test.state {
				t.Fatalf("state %s (%s), %v, want %s", got.State, got.Reason, err, test.state)
			}
			if diff := cmp.Diff(test.trace, got.Trace); diff != "" {
				t.Errorf("trace (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.undone, got.Undone); diff != "" {
				t.Errorf("undone (-want +got):\n%s", diff)
			}
			if test.variable != "" && string(got.Variables[test.variable]) != test.value {
				t.Errorf("%s is %s, want %s", test.variable, got.Variables[test.variable], test.value)
			}
		})
	}
}

func TestACalledDefinitionRuns(t *testing.T) {
	outer := parse(t, begin+`<callActivity id="c" calledElement="inner"/><boundaryEvent id="b" attachedToRef="c"><errorEventDefinition/></boundaryEvent><endEvent id="no"/>`+end+
		flows("s", "c", "c", "e", "b", "no"))
	inner := parse(t, begin+service("w")+end+flows("s", "w", "w", "e"))
	opt := Options{Definitions: map[string]*saga.Definition{"inner": inner}, Script: script(t, `{"steps":{"w":{"output":{"done":1}}}}`)}
	got, err := Run(outer, opt)
	if err != nil || got.State != "completed" || string(got.Variables["done"]) != "1" {
		t.Errorf("state %s, %v, variables %s", got.State, err, got.Variables)
	}
	opt.Script = script(t, `{"steps":{"w":{"reject":"bad"}}}`)
	if got, err = Run(outer, opt); err != nil || !cmp.Equal(got.Trace, []string{"s", "b", "no"}) {
		t.Errorf("after a rejection within: trace %v, %v", got.Trace, err)
	}
	opt.Definitions["inner"] = parse(t, begin+`<callActivity id="c" calledElement="inner"/>`+end+flows("s", "c", "c", "e"))
	if got, err = Run(outer, opt); err != nil || got.State != "completed" {
		t.Errorf("a definition that calls itself: %s, %v", got.State, err)
	}
}

func TestARunThatDoesNotEndIsStopped(t *testing.T) {
	d := parse(t, begin+`<exclusiveGateway id="m"/>`+service("a")+`<exclusiveGateway id="x"/>`+end+flows("s", "m", "m", "a", "a", "x", "x", "m", "x", "e"))
	if got, err := Run(d, Options{}); !errors.Is(err, ErrTooLong) || len(got.Trace) == 0 {
		t.Errorf("got %v after %d elements, want ErrTooLong", err, len(got.Trace))
	}
}

func TestAStartEventThatIsNotThereIsAnError(t *testing.T) {
	_, err := Run(parse(t, begin+end+flows("s", "e")), Options{Script: script(t, `{"start":"x"}`)})
	if !errors.Is(err, ErrNoStart) || !strings.Contains(err.Error(), `"x"; there are ["s"]`) {
		t.Errorf("%v, want the start events there are", err)
	}
}

func TestVariablesMustBeAnObject(t *testing.T) {
	if _, err := Run(parse(t, begin), Options{Variables: json.RawMessage("[1]")}); err == nil {
		t.Error("a list is taken for variables")
	}
}

func TestAResultIsWrittenAsDocumented(t *testing.T) {
	got, err := Run(parse(t, begin+end+flows("s", "e")), Options{Variables: json.RawMessage(`{"a":1}`)})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(got)
	if want := `{"state":"completed","trace":["s","e"],"variables":{"a":1}}`; err != nil || string(raw) != want {
		t.Errorf("%s, %v, want %s", raw, err, want)
	}
}
