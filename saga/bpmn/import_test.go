package bpmn

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

// task returns a file with one element between start and end.
func task(drawn string) []byte {
	return []byte(`<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0"
 xmlns:camunda="http://camunda.org/schema/1.0/bpmn" xmlns:flowable="http://flowable.org/bpmn" xmlns:activiti="http://activiti.org/bpmn">
<message id="M" name="paid"><extensionElements><zeebe:subscription correlationKey="=order"/></extensionElements></message>
<process id="p" isExecutable="true"><startEvent id="s"/>` + drawn + `<endEvent id="e"/>
<sequenceFlow id="f1" sourceRef="s" targetRef="t"/><sequenceFlow id="f2" sourceRef="t" targetRef="e"/></process></definitions>`)
}

func parseTask(t *testing.T, drawn string) *saga.Node {
	t.Helper()
	d, err := Parse(task(drawn), 1)
	if err != nil {
		t.Fatal(err)
	}
	n, ok := d.Node("t")
	if !ok {
		t.Fatal("no step t")
	}
	return &d.Nodes[n]
}

func TestTasksBecomeSteps(t *testing.T) {
	tests := []struct {
		name, drawn string
		kind        saga.NodeKind
		service     string
	}{
		{"zeebe", `<serviceTask id="t"><extensionElements><zeebe:taskDefinition type="pay"/></extensionElements></serviceTask>`, saga.Service, "pay"},
		{"zeebe, quoted", `<serviceTask id="t"><extensionElements><zeebe:taskDefinition type="=&quot;pay&quot;"/></extensionElements></serviceTask>`, saga.Service, "pay"},
		{"camunda", `<serviceTask id="t" camunda:type="external" camunda:topic="pay"/>`, saga.Service, "pay"},
		{"flowable", `<serviceTask id="t" flowable:type="external-worker" flowable:topic="pay"/>`, saga.Service, "pay"},
		{"plain", `<serviceTask id="t"/>`, saga.Service, "t"},
		{"business rule", `<businessRuleTask id="t"><extensionElements><zeebe:taskDefinition type="rate"/></extensionElements></businessRuleTask>`, saga.Service, "rate"},
		{"script by a service", `<scriptTask id="t"><extensionElements><zeebe:taskDefinition type="lua"/></extensionElements></scriptTask>`, saga.Service, "lua"},
		{"script", `<scriptTask id="t" scriptFormat="feel"><script>1 + 1</script></scriptTask>`, saga.Script, ""},
		{"send by a service", `<sendTask id="t"><extensionElements><zeebe:taskDefinition type="mail"/></extensionElements></sendTask>`, saga.Service, "mail"},
		{"send", `<sendTask id="t" messageRef="M"/>`, saga.Throw, ""},
		{"receive", `<receiveTask id="t" messageRef="M"/>`, saga.Catch, ""},
		{"user", `<userTask id="t" activiti:assignee="ann"/>`, saga.User, ""},
		{"manual", `<manualTask id="t"/>`, saga.Task, ""},
		{"call", `<callActivity id="t" calledElement="other"/>`, saga.Call, ""},
		{"sub-process", `<subProcess id="t"><task id="in"/></subProcess>`, saga.SubProcess, ""},
		{"throw by a service", `<intermediateThrowEvent id="t"><extensionElements><zeebe:taskDefinition type="tell"/></extensionElements><messageEventDefinition messageRef="M"/></intermediateThrowEvent>`, saga.Service, "tell"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if n := parseTask(t, test.drawn); n.Kind != test.kind || n.Service != test.service {
				t.Errorf("%s by %q, want %s by %q", n.Kind, n.Service, test.kind, test.service)
			}
		})
	}
}

func TestAPersonIsRead(t *testing.T) {
	n := parseTask(t, `<userTask id="t" camunda:candidateGroups="legal" camunda:formKey="f" camunda:dueDate="${due}">
<extensionElements><zeebe:assignmentDefinition assignee="=document.owner"/></extensionElements></userTask>`)
	p := n.Person
	if p == nil || p.Assignee.String() != "=document.owner" || p.Groups.String() != "legal" || p.Due.String() != "${due}" || p.Form != "f" || p.Users != nil {
		t.Errorf("person %+v", p)
	}
}

func TestAMessageHasANameAndAKey(t *testing.T) {
	n := parseTask(t, `<receiveTask id="t" messageRef="M"/>`)
	if n.Event != "paid" || n.Key == nil || n.Key.String() != "=order" {
		t.Errorf("message %q, key %v, want paid by =order", n.Event, n.Key)
	}
}

func TestMappingsAreRead(t *testing.T) {
	n := parseTask(t, `<serviceTask id="t" camunda:type="external" camunda:topic="pay"><extensionElements><camunda:inputOutput>
<camunda:inputParameter name="sum">${order.sum + 1}</camunda:inputParameter><camunda:inputParameter name="mail">to-${order.by}</camunda:inputParameter>
<camunda:outputParameter name="paid.at">now</camunda:outputParameter></camunda:inputOutput></extensionElements></serviceTask>`)
	v := saga.Vars{Step: events.StepDocument, Data: []byte(`{"output":{"order":{"sum":4,"by":"ann"}}}`)}
	in, err := saga.Map(n.Inputs, v)
	if err != nil || string(in) != `{"mail":"to-ann","sum":5}` {
		t.Errorf("inputs %s, %v", in, err)
	}
	out, err := saga.Map(n.Outputs, v)
	if err != nil || string(out) != `{"paid":{"at":"now"}}` {
		t.Errorf("outputs %s, %v", out, err)
	}
}

func TestNamesAreLookedUpFromTheNearest(t *testing.T) {
	d, err := Parse(task(`<task id="t"/><task id="my-step"/><sequenceFlow id="f3" sourceRef="t" targetRef="my-step"/>`), 1)
	if err != nil {
		t.Fatal(err)
	}
	p := newParser(&element{}, &element{}, 1)
	p.names = []string{"my-step"}
	*p.steps = []events.StepID{"my-step", "t"}
	v := saga.Vars{
		Step:  "t",
		Data:  []byte(`{"output":{"n":1},"context":{"document":{"n":3,"only":"doc"},"my-step":{"n":2,"m":5}}}`),
		Names: []byte(`{"item":9}`), Now: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC),
	}
	tests := map[string]string{
		"=n": "1", "=t.n": "1", "=my-step.n": "2", "=m": "5", "=only": `"doc"`, "=document.n": "3", "=item": "9",
		"=nowhere": "null", "=nowhere.at.all": "null", `=now().year`: "2026", "text": `"text"`, "${n == 1}": "true",
	}
	for text, want := range tests {
		got, err := p.value(&element{}, text).Eval(v)
		if err != nil || string(got) != want {
			t.Errorf("%s is %s, %v, want %s", text, got, err, want)
		}
	}
	if d.Name != "p" {
		t.Errorf("name %s", d.Name)
	}
}

func TestCodeOfOtherEnginesIsRefusedWithAHint(t *testing.T) {
	tests := map[string]string{
		`<serviceTask id="t" camunda:class="org.Pay"/>`:                                                                             "external task with a topic",
		`<serviceTask id="t" camunda:delegateExpression="${pay}"/>`:                                                                 "external task with a topic",
		`<serviceTask id="t" activiti:expression="${pay.now()}"/>`:                                                                  "external task with a topic",
		`<serviceTask id="t" flowable:type="mail"/>`:                                                                                "external task with a topic",
		`<serviceTask id="t"><extensionElements><camunda:connector/></extensionElements></serviceTask>`:                             "connector is code",
		`<businessRuleTask id="t"/>`:                                                                                                "decisions are not supported",
		`<businessRuleTask id="t"><extensionElements><zeebe:calledDecision decisionId="d"/></extensionElements></businessRuleTask>`: "decisions are not supported",
		`<scriptTask id="t" scriptFormat="groovy"><script>x</script></scriptTask>`:                                                  "write FEEL",
		`<userTask id="t" camunda:assignee="${bean.find(x)}"/>`:                                                                     "method call",
		`<complexGateway id="t"/>`:                                                                                                  "not supported",
		`<adHocSubProcess id="t"/>`:                                                                                                 "not supported",
		`<task id="t"><standardLoopCharacteristics/></task>`:                                                                        "draw the loop",
		`<task id="t"><multiInstanceLoopCharacteristics/></task>`:                                                                   "no collection and no number",
		`<callActivity id="t"/>`:                                                                                                    "nothing says which definition",
		`<intermediateCatchEvent id="t"><conditionalEventDefinition/></intermediateCatchEvent>`:                                     "conditionalEventDefinition is not supported",
		`<intermediateCatchEvent id="t"><timerEventDefinition/></intermediateCatchEvent>`:                                           "no timeDate, timeDuration or timeCycle",
		`<intermediateCatchEvent id="t"><timerEventDefinition><timeDuration>1h</timeDuration></timerEventDefinition></intermediateCatchEvent>`:                                                       `duration "1h"`,
		`<intermediateCatchEvent id="t"><messageEventDefinition messageRef="nope"/></intermediateCatchEvent>`:                                                                                        `its message "nope" is not defined`,
		`<intermediateCatchEvent id="t"><errorEventDefinition/></intermediateCatchEvent>`:                                                                                                            "errorEventDefinition is not supported here",
		`<intermediateThrowEvent id="t"><linkEventDefinition name="L"/></intermediateThrowEvent>`:                                                                                                    `no link event catches "L"`,
		`<task id="t"/><boundaryEvent id="b" attachedToRef="t"/>`:                                                                                                                                    "nothing sets it off",
		`<task id="t"/><boundaryEvent id="b" attachedToRef="t"><compensateEventDefinition/></boundaryEvent>`:                                                                                         "no association leads",
		`<serviceTask id="t"><extensionElements><zeebe:taskDefinition type="a" retries="many"/></extensionElements></serviceTask>`:                                                                   "retries",
		`<serviceTask id="t"><extensionElements><zeebe:taskDefinition type="a"/><zeebe:taskHeaders><zeebe:header key="timeout" value="soon"/></zeebe:taskHeaders></extensionElements></serviceTask>`: "ISO 8601",
	}
	for drawn, want := range tests {
		_, err := Parse(task(drawn), 1)
		if !errors.Is(err, saga.ErrBadDefinition) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", drawn, err, want)
		}
	}
}

func TestTimersGoOffAsISO8601Says(t *testing.T) {
	from := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		kind, text string
		n          int
		want       string
	}{
		{timeDuration, "PT1H", 1, "2026-01-31T13:00:00Z"},
		{timeDuration, "P1M", 1, "2026-03-03T12:00:00Z"},
		{timeDuration, "PT1H", 2, ""},
		{timeDate, "2027-01-01T00:00:00+01:00", 1, "2026-12-31T23:00:00Z"},
		{timeDate, "2027-01-01", 1, "2027-01-01T00:00:00Z"},
		{timeCycle, "R2/PT1H", 2, "2026-01-31T13:00:00Z"},
		{timeCycle, "R2/PT1H", 3, ""},
		{timeCycle, "R/PT1H", 1000, "2026-01-31T13:00:00Z"},
		{timeCycle, "R/2026-02-01T00:00:00Z/P1D", 1, "2026-02-01T00:00:00Z"},
		{timeCycle, "0 0 * * * *", 1, "error"},
		{timeCycle, "R0/PT1H", 1, "error"},
		{timeCycle, "R/PT0S", 1, "error"},
		{timeDate, "tomorrow", 1, "error"},
	}
	for _, test := range tests {
		at, err := clock{kind: test.kind}.next(test.text, from, test.n)
		got := ""
		switch {
		case err != nil:
			got = "error"
		case !at.IsZero():
			got = at.Format(time.RFC3339)
		}
		if got != test.want {
			t.Errorf("%s %s for the %d. time: %s, %v, want %s", test.kind, test.text, test.n, got, err, test.want)
		}
	}
}

func TestCheckReportsWhatIsWrongAndWhatIsOdd(t *testing.T) {
	r := Check(task(`<exclusiveGateway id="t"/><serviceTask id="a"/><sequenceFlow id="f4" sourceRef="t" targetRef="a"/><sequenceFlow id="f5" sourceRef="a" targetRef="e"/>`))
	var got []string
	for _, f := range r.Findings {
		got = append(got, f.Level+" "+f.ID)
	}
	if diff := cmp.Diff([]string{"warning a", "warning t", "warning a"}, got); diff != "" || !r.Sound {
		t.Errorf("sound %v, findings (-want +got):\n%s", r.Sound, diff)
	}
	if len(r.Hops) != 1 || !r.Hops[0].Guarded || !strings.Contains(r.Explain, "is done by the service a") {
		t.Errorf("hops %v, explained %q", r.Hops, r.Explain)
	}
	r = Check(task(`<complexGateway id="t"/><adHocSubProcess id="x"/>`))
	if r.Sound || len(r.Findings) != 2 || r.Findings[0].ID != "t" || r.Findings[0].Line == 0 || r.Findings[1].Level != LevelError {
		t.Errorf("sound %v, findings %v", r.Sound, r.Findings)
	}
	if r = Check([]byte("no XML")); r.Sound || len(r.Findings) != 1 {
		t.Errorf("no XML: %+v", r)
	}
}

func TestTheReferenceFlowIsSound(t *testing.T) {
	if r := Check(reference(t)); !r.Sound || len(r.Findings) > 0 {
		t.Errorf("findings %v", r.Findings)
	}
}

func TestProcessesAreChosenByName(t *testing.T) {
	source := []byte(`<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL">
<process id="drawn"><startEvent id="a"/><task id="b"/><sequenceFlow id="f" sourceRef="a" targetRef="b"/></process>
<process id="runs" isExecutable="true"><startEvent id="c"/></process></definitions>`)
	ids, err := Processes(source)
	if diff := cmp.Diff([]string{"runs", "drawn"}, ids); diff != "" || err != nil {
		t.Errorf("%v, processes (-want +got):\n%s", err, diff)
	}
	if d, err := Parse(source, 1); err != nil || d.Name != "runs" {
		t.Errorf("the executable one is %v, %v", d, err)
	}
	if d, err := ParseProcess(source, "drawn", 1); err != nil || d.Name != "drawn" {
		t.Errorf("the other one is %v, %v", d, err)
	}
	if _, err := ParseProcess(source, "nope", 1); !errors.Is(err, saga.ErrBadDefinition) {
		t.Errorf("got %v, want ErrBadDefinition", err)
	}
}

func TestALargeFileIsReadInTime(t *testing.T) {
	var b strings.Builder
	for range 10_000 {
		b.WriteString("<task/>")
	}
	began := time.Now()
	if _, err := Parse(task(b.String()), 1); !errors.Is(err, saga.ErrBadDefinition) {
		t.Errorf("got %v, want ErrBadDefinition", err)
	}
	b.Reset()
	b.WriteString(`<task id="t"/>`)
	for i := range 1000 {
		id := fmt.Sprintf("g%d", i)
		b.WriteString(`<parallelGateway id="` + id + `"/><sequenceFlow id="in` + id + `" sourceRef="t" targetRef="` + id + `"/><sequenceFlow id="out` + id + `" sourceRef="` + id + `" targetRef="e"/>`)
	}
	if r := Check(task(b.String())); !r.Sound {
		t.Errorf("findings %v", r.Findings[:1])
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(reference(f))
	f.Add(task(`<subProcess id="t"><task id="in"/></subProcess>`))
	f.Add(task(`<task id="t"><multiInstanceLoopCharacteristics><loopCardinality>3</loopCardinality></multiInstanceLoopCharacteristics></task>`))
	f.Fuzz(func(t *testing.T, source []byte) {
		began := time.Now()
		defer func() {
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
		}()
		d, err := Parse(source, 1)
		if err != nil && !errors.Is(err, saga.ErrBadDefinition) {
			t.Errorf("%v is not ErrBadDefinition", err)
		}
		if err == nil {
			d.Check()
		}
	})
}

func TestHostileFilesAreBounded(t *testing.T) {
	hub := func(n int) string {
		var b strings.Builder
		b.WriteString(`<parallelGateway id="t"/><exclusiveGateway id="hub"/>`)
		for i := range n {
			fmt.Fprintf(&b, `<userTask id="a%d"/><sequenceFlow sourceRef="t" targetRef="a%d"/><sequenceFlow sourceRef="a%d" targetRef="hub"/>`, i, i, i)
			fmt.Fprintf(&b, `<userTask id="b%d"/><sequenceFlow sourceRef="hub" targetRef="b%d"/>`, i, i)
		}
		return b.String()
	}
	caught := func(n int) string {
		var b strings.Builder
		b.WriteString(`<task id="t"/>`)
		for i := range n {
			fmt.Fprintf(&b, `<userTask id="a%d"/><boundaryEvent id="b%d" attachedToRef="a%d"><errorEventDefinition/></boundaryEvent><sequenceFlow sourceRef="t" targetRef="a%d"/>`, i, i, i, i)
		}
		return b.String()
	}
	tests := map[string]string{
		"many hops":     hub(700),
		"many ways":     caught(1500),
		"many comments": `<scriptTask id="t"><script>` + strings.Repeat("a<!-- -->", 100_000) + `</script></scriptTask>`,
		"many names":    `<task id="t"/>` + strings.Repeat(`<x id="a-b"/>`, 30_000) + `<serviceTask id="q"><extensionElements><zeebe:ioMapping>` + strings.Repeat(`<zeebe:input source="=a.b" target="c"/>`, 10_000) + `</zeebe:ioMapping></extensionElements></serviceTask>`,
		"one long name": `<task id="` + strings.Repeat("n", 900_000) + `"/>`,
	}
	for name, drawn := range tests {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			report := Check(task(drawn))
			if took := time.Since(began); took > 15*time.Second {
				t.Errorf("took %s", took)
			}
			t.Logf("sound %v, %d findings, %s", report.Sound, len(report.Findings), time.Since(began))
		})
	}
}
