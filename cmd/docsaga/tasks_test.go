package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/coordinator/tasks"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/natslog/embedded"
)

const approval = `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:z="http://camunda.org/schema/zeebe/1.0" targetNamespace="t">
  <message id="m" name="paid"><extensionElements><z:subscription correlationKey="=order"/></extensionElements></message>
  <process id="approval" isExecutable="true">
    <startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="approve"/>
    <userTask id="approve"><extensionElements><z:assignmentDefinition candidateGroups="accounting"/>
      <z:taskHeaders><z:header key="schema" value='{"type":"object","required":["ok"]}'/></z:taskHeaders></extensionElements></userTask>
    <sequenceFlow id="f2" sourceRef="approve" targetRef="wait"/>
    <receiveTask id="wait" messageRef="m"/><sequenceFlow id="f3" sourceRef="wait" targetRef="sub"/>
    <callActivity id="sub"><extensionElements><z:calledElement processId="note"/></extensionElements></callActivity>
    <sequenceFlow id="f4" sourceRef="sub" targetRef="end"/><endEvent id="end"/>
  </process>
</definitions>`

const note = `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:z="http://camunda.org/schema/zeebe/1.0" targetNamespace="t">
  <process id="note" isExecutable="true">
    <startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="twice"/>
    <scriptTask id="twice"><extensionElements><z:script expression="=amount * 2" resultVariable="result"/></extensionElements></scriptTask>
    <sequenceFlow id="f2" sourceRef="twice" targetRef="end"/><endEvent id="end"/>
  </process>
</definitions>`

// running is a log with a coordinator and one document in the approval flow;
// it returns the address.
func running(t *testing.T, document events.DocumentID) string {
	t.Helper()
	server, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Addr: "127.0.0.1:0", Durability: natslog.Relaxed})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	nc, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if err := natslog.Provision(t.Context(), nc, natslog.Config{Shards: 2, Durability: natslog.Relaxed}); err != nil {
		t.Fatal(err)
	}
	log, err := natslog.Open(t.Context(), nc, natslog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, drawn := range []string{note, approval} {
		file := filepath.Join(t.TempDir(), "flow.bpmn")
		if err := os.WriteFile(file, []byte(drawn), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, errOut := docsaga(t, "definition", "deploy", file, "--nats", server.URL()); code != exitOK {
			t.Fatal(errOut)
		}
	}
	e := events.Event{
		Slot: events.DocumentSlot("approval", 1, document, events.Submitted), Source: "/test", Worker: "t", Time: time.Now(), Data: []byte(`{"output":{"order":4711}}`),
	}
	if _, err := log.Write(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan int)
	go func() {
		ended <- execute(ctx, []string{"coordinator", "--nats", server.URL()}, strings.NewReader(""), io.Discard, io.Discard)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return server.URL()
}

func TestAPersonAndAMessageBringADocumentToItsEnd(t *testing.T) {
	url := running(t, "one")
	run := func(want int, args ...string) string {
		t.Helper()
		code, out, errOut := docsaga(t, append(args, "--nats", url, "-o", "json")...)
		if code != want {
			t.Fatalf("%v: exit code %d, want %d: %s%s", args, code, want, out, errOut)
		}
		return out
	}
	var open []tasks.Task
	if err := json.Unmarshal([]byte(run(exitOK, "tasks", "list")), &open); err != nil || len(open) != 1 || open[0].Step != "approve" {
		t.Fatalf("tasks %v (error %v), want approve", open, err)
	}
	if err := json.Unmarshal([]byte(run(exitOK, "tasks", "list", "--mine", "--actor", "bob")), &open); err != nil || len(open) != 0 {
		t.Errorf("bob's tasks %v (error %v), want none", open, err)
	}
	run(exitNotAllowed, "tasks", "claim", "one", "approve", "--actor", "bob")
	run(exitOK, "tasks", "claim", "one", "approve", "--actor", "ann", "--group", "accounting")
	run(exitConflict, "tasks", "complete", "one", "approve", "--actor", "eve", "--group", "accounting", "--data", `{"ok":true}`)
	run(exitFailed, "tasks", "complete", "one", "approve", "--actor", "ann", "--group", "accounting", "--data", `{"x":1}`)
	run(exitOK, "tasks", "complete", "one", "approve", "--actor", "ann", "--group", "accounting", "--data", `{"ok":true}`)
	run(exitConflict, "tasks", "complete", "one", "approve", "--actor", "ann", "--group", "accounting", "--data", `{"ok":true}`)
	run(exitOK, "message", "paid", "--key", "4711", "--data", `{"amount":5}`, "--id", "payment-1")
	run(exitOK, "message", "paid", "--key", "4711", "--data", `{"amount":5}`, "--id", "payment-1")
	run(exitConflict, "message", "paid", "--key", "4711", "--data", `{"amount":6}`, "--id", "payment-1")
	run(exitOK, "signal", "nobody-waits")
	for range 200 {
		var r report
		if err := json.Unmarshal([]byte(run(exitOK, "status", "one")), &r); err != nil {
			t.Fatal(err)
		}
		if r.State == "completed" {
			break
		}
		<-time.After(50 * time.Millisecond)
	}
	for range 200 { // what was called ends after its caller
		if code, _, _ := docsaga(t, "verify", "--nats", url); code == exitOK {
			return
		}
		<-time.After(50 * time.Millisecond)
	}
	t.Errorf("the document did not end as it should: %s\n%s", run(exitOK, "history", "one"), run(exitOK, "verify"))
}

func TestNoticesRefuseWhatIsNone(t *testing.T) {
	for _, args := range [][]string{
		{"message"}, {"message", "paid", "--data", "{"}, {"message", "paid", "--ttl", "1ms"}, {"message", "paid", "--id", "a.b"}, {"signal", ""},
	} {
		if code, _, errOut := docsaga(t, append(args, "--nats", "nats://127.0.0.1:1")...); code != exitUsage || errOut == "" {
			t.Errorf("%v: exit code %d, says %q; want %d and why", args, code, errOut, exitUsage)
		}
	}
}
