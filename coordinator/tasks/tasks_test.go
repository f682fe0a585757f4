package tasks_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"testing"
	"time"

	"github.com/docsaga/docsaga/coordinator/tasks"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/memlog"
	"github.com/docsaga/docsaga/saga/catalog"
)

const approval = `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:z="http://camunda.org/schema/zeebe/1.0" targetNamespace="t">
  <process id="approval" isExecutable="true">
    <startEvent id="start"/>
    <sequenceFlow id="f1" sourceRef="start" targetRef="approve"/>
    <userTask id="approve" name="Approve the invoice"><extensionElements>
      <z:assignmentDefinition candidateGroups="=[&quot;accounting&quot;]" candidateUsers="zoe"/>
      <z:taskSchedule dueDate="2030-01-02T03:04:05Z"/>
      <z:formDefinition formKey="approval-form"/>
      <z:taskHeaders><z:header key="schema" value='{"type":"object","required":["approved"],"properties":{"approved":{"type":"boolean"}},"additionalProperties":false}'/></z:taskHeaders>
      <z:ioMapping><z:input source="=amount" target="amount"/></z:ioMapping>
    </extensionElements></userTask>
    <sequenceFlow id="f2" sourceRef="approve" targetRef="check"/>
    <userTask id="check"><extensionElements><z:assignmentDefinition assignee="=owner"/></extensionElements></userTask>
    <sequenceFlow id="f3" sourceRef="check" targetRef="end"/>
    <endEvent id="end"/>
  </process>
</definitions>`

func newDesk(t *testing.T) *tasks.Desk {
	t.Helper()
	return deskOf(t, approval)
}

func deskOf(t *testing.T, model string) *tasks.Desk {
	t.Helper()
	log := memlog.New(memlog.Config{})
	d, err := catalog.Deploy(t.Context(), log, []byte(model))
	if err != nil {
		t.Fatal(err)
	}
	e := events.Event{
		Slot: events.DocumentSlot(d.Name, d.Version, "one", events.Submitted), Source: "/test", Worker: "w",
		Time: time.Now(), Data: []byte(`{"output":{"amount":12,"owner":"olga","more":true}}`),
	}
	if _, err := log.Write(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	return tasks.New(log, catalog.New(log), &memlog.Claims{})
}

func only(t *testing.T, desk *tasks.Desk) tasks.Task {
	t.Helper()
	open, err := desk.Open(t.Context(), "one")
	if err != nil || len(open) != 1 {
		t.Fatalf("open tasks %v (error %v), want one", open, err)
	}
	return open[0]
}

var (
	approve = tasks.Ref{Document: "one", Step: "approve"}
	ann     = tasks.Actor{Name: "ann", Groups: []string{"sales", "accounting"}}
	bob     = tasks.Actor{Name: "bob"}
	zoe     = tasks.Actor{Name: "zoe"}
)

func TestATaskSaysWhatItNeeds(t *testing.T) {
	desk := newDesk(t)
	got := only(t, desk)
	if got.Step != "approve" || got.Visit != 1 || got.Name != "Approve the invoice" || got.Form != "approval-form" {
		t.Errorf("task %+v, want the first visit of approve with its form", got)
	}
	if string(got.Input) != `{"amount":12}` {
		t.Errorf("input %s, want only the amount", got.Input)
	}
	if got.Due == nil || got.Due.Year() != 2030 {
		t.Errorf("due %v, want 2030", got.Due)
	}
	if !got.May(ann) || got.May(bob) || !got.May(zoe) {
		t.Errorf("ann may %v, bob %v, zoe %v; want the group and the named user only", got.May(ann), got.May(bob), got.May(zoe))
	}
}

func TestAFormMustFitTheSchema(t *testing.T) {
	desk := newDesk(t)
	for _, output := range []string{`{}`, `{"approved":"yes"}`, `{"approved":true,"x":1}`, `{`, `[]`} {
		_, err := desk.Complete(t.Context(), approve, ann, tasks.Form{Output: json.RawMessage(output)})
		if !errors.Is(err, tasks.ErrBadForm) {
			t.Errorf("%s: error %v, want one that is %v", output, err, tasks.ErrBadForm)
		}
	}
	if _, err := desk.Complete(t.Context(), approve, ann, tasks.Form{}); !errors.Is(err, tasks.ErrBadForm) {
		t.Errorf("no data: error %v, want one that is %v", err, tasks.ErrBadForm)
	}
}

func TestAClaimKeepsOthersAway(t *testing.T) {
	desk := newDesk(t)
	if _, err := desk.Claim(t.Context(), approve, bob); !errors.Is(err, tasks.ErrNotAllowed) {
		t.Errorf("bob claims: error %v, want %v", err, tasks.ErrNotAllowed)
	}
	for range 2 {
		if task, err := desk.Claim(t.Context(), approve, ann); err != nil || task.Claim.By != "ann" {
			t.Fatalf("ann claims: %v (error %v)", task.Claim, err)
		}
	}
	if _, err := desk.Claim(t.Context(), approve, zoe); !errors.Is(err, events.ErrTaken) {
		t.Errorf("zoe claims: error %v, want %v", err, events.ErrTaken)
	}
	form := tasks.Form{Output: json.RawMessage(`{"approved":true}`)}
	if _, err := desk.Complete(t.Context(), approve, zoe, form); !errors.Is(err, events.ErrTaken) {
		t.Errorf("zoe completes: error %v, want %v", err, events.ErrTaken)
	}
	if err := desk.Release(t.Context(), approve, zoe); !errors.Is(err, events.ErrTaken) {
		t.Errorf("zoe releases: error %v, want %v", err, events.ErrTaken)
	}
	if err := desk.Release(t.Context(), approve, ann); err != nil {
		t.Fatal(err)
	}
	if _, err := desk.Complete(t.Context(), approve, zoe, form); err != nil {
		t.Errorf("zoe completes what ann gave back: %v", err)
	}
}

func TestACompletedTaskGoesOnWithWhoDidIt(t *testing.T) {
	desk := newDesk(t)
	e, err := desk.Complete(t.Context(), approve, ann, tasks.Form{Output: json.RawMessage(`{"approved":true}`), Reason: "fine"})
	if err != nil {
		t.Fatal(err)
	}
	data, err := events.ParseData(e.Data)
	if err != nil || e.Source != events.SourceOperator || data.By == nil || data.By.Actor != "ann" || data.By.Reason != "fine" {
		t.Errorf("%s by %s with %s (error %v), want ann's", e.Type(), e.Source, e.Data, err)
	}
	if string(data.Output) != `{"approved":true}` || data.Context["document"] == nil {
		t.Errorf("data %s, want the form and what was submitted", e.Data)
	}
	if e.Cause != "one.document.1.submitted" {
		t.Errorf("cause %s, want the submission", e.Cause)
	}
	next := only(t, desk)
	if next.Step != "check" || next.Assignee != "olga" || next.May(ann) || !next.May(tasks.Actor{Name: "olga"}) {
		t.Errorf("next task %+v, want olga's check", next)
	}
	if _, err := desk.Complete(t.Context(), approve, ann, tasks.Form{}); !errors.Is(err, tasks.ErrNotOpen) {
		t.Errorf("again: error %v, want %v", err, tasks.ErrNotOpen)
	}
}

func TestATaskCanBeRejected(t *testing.T) {
	desk := newDesk(t)
	e, err := desk.Complete(t.Context(), approve, zoe, tasks.Form{Reject: "too-dear", Reason: "no"})
	if err != nil || e.Result != events.Rejected {
		t.Fatalf("%v (error %v), want rejected", e.Result, err)
	}
	data, err := events.ParseData(e.Data)
	if err != nil || data.Error == nil || data.Error.Code != "too-dear" || data.By == nil {
		t.Errorf("data %s (error %v), want the code and who", e.Data, err)
	}
	if open, err := desk.Open(t.Context(), "one"); err != nil || len(open) != 0 {
		t.Errorf("open tasks %v (error %v), want none", open, err)
	}
}

// TestATaskForSomebodyWhoIsNotThereIsNobodys draws who a task is for by an
// expression that leads nowhere.
func TestATaskForSomebodyWhoIsNotThereIsNobodys(t *testing.T) {
	drawn := regexp.MustCompile(`candidateGroups=.*candidateUsers="zoe"`)
	for who, want := range map[string]struct{ problem, ann bool }{
		`assignee="=ownr"`:                                  {problem: true},
		`candidateGroups="=teams.first"`:                    {problem: true},
		`candidateUsers="=document.nobody"`:                 {problem: true},
		`candidateUsers="=[]"`:                              {problem: true},
		`candidateUsers="=[null]"`:                          {problem: true},
		`candidateGroups="=&quot; &quot;"`:                  {problem: true},
		`assignee="=ownr" candidateGroups="accounting"`:     {problem: true},
		`candidateUsers="=[]" candidateGroups="accounting"`: {ann: true},
		`candidateUsers="ann"`:                              {ann: true},
		``:                                                  {ann: true},
	} {
		desk := deskOf(t, drawn.ReplaceAllString(approval, who))
		task := only(t, desk)
		if (task.Problem != "") != want.problem || task.May(ann) != want.ann {
			t.Errorf("%s: problem %q, ann may %v; want a problem %v, may %v", who, task.Problem, task.May(ann), want.problem, want.ann)
		}
		_, err := desk.Complete(t.Context(), approve, ann, tasks.Form{Output: json.RawMessage(`{"approved":true}`)})
		if errors.Is(err, tasks.ErrNotAllowed) == want.ann || want.ann && err != nil {
			t.Errorf("%s: ann completes it with %v", who, err)
		}
	}
}

func TestNobodyKnowsTheDocument(t *testing.T) {
	desk := newDesk(t)
	if _, err := desk.Open(t.Context(), "other"); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("error %v, want %v", err, events.ErrNotFound)
	}
}
