package bpmn

import (
	"errors"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/saga"
)

func TestAFormWhoseSchemaIsNoneIsRefusedWhenItIsDeployed(t *testing.T) {
	for schema, want := range map[string]string{
		`{"type":"object","required":["approved"],"properties":{"approved":{"type":"boolean"}}}`: "",
		`{"$defs":{"n":{"type":"number"}},"properties":{"a":{"$ref":"#/$defs/n"}}}`:              "",
		`true`:                    "",
		`{"type":"objekt"}`:       "userTask review: its schema: ",
		`{"required":"approved"}`: "userTask review: its schema: ",
		`{"pattern":"("}`:         "userTask review: its schema: ",
		`{"$ref":"https://example.org/other.json"}`:       "a schema may refer only to itself",
		`{"properties":{"a":{"$ref":"#/$defs/nowhere"}}}`: "userTask review: its schema: ",
		`[]`:       "userTask review: its schema: ",
		`{"type":`: "userTask review: its schema is not JSON",
		`{"type":"object","properties":{"a":{"minimum":""}}}`: "userTask review: its schema: ",
	} {
		drawn := []byte(`<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0"><process id="p" isExecutable="true">
<startEvent id="s"/><sequenceFlow id="f" sourceRef="s" targetRef="review"/>
<userTask id="review"><extensionElements><zeebe:taskHeaders><zeebe:header key="schema" value='` + schema + `'/></zeebe:taskHeaders></extensionElements></userTask>
<sequenceFlow id="g" sourceRef="review" targetRef="e"/><endEvent id="e"/></process></definitions>`)
		r := Check(drawn)
		err := r.Err()
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", schema, err)
			}
			continue
		}
		if !errors.Is(err, saga.ErrBadDefinition) || !strings.Contains(err.Error(), "error: line 3: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want line 3 and %q", schema, err, want)
		}
		if _, err := Parse(drawn, 1); err != nil && !strings.Contains(want, "not JSON") {
			t.Errorf("%s: what may be deployed since before cannot be read: %v", schema, err)
		}
	}
}
