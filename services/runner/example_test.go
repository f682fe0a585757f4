package runner_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/memlog"
	"github.com/docsaga/docsaga/saga/catalog"
	"github.com/docsaga/docsaga/services/runner"
)

// A greeter is a service: it greets whom the document names.
type greeter struct{}

func (greeter) Do(_ context.Context, v runner.Visit) (any, error) {
	var in struct{ Document struct{ Name string } }
	if err := json.Unmarshal(v.Input, &in); err != nil || in.Document.Name == "" {
		return nil, runner.Reject("no-name", "the document names nobody")
	}
	return map[string]string{"greeting": "Hello, " + in.Document.Name}, nil
}

func (greeter) Undo(context.Context, runner.Visit) error { return nil } // nothing was done

// A service is a handler and a name. With a NATS server, the log is that of
// natslog.Open.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	saga := memlog.New(memlog.Config{})
	if _, err := catalog.Deploy(ctx, saga, []byte(greeting)); err != nil {
		log.Fatal(err)
	}
	service, err := runner.New("greeter", greeter{}, saga, catalog.New(saga), runner.Config{})
	if err != nil {
		log.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- service.Run(ctx) }()
	submit(ctx, saga, "d1", `{"output":{"name":"Ada"}}`)
	fmt.Println(outcome(ctx, saga, "d1"))
	cancel()
	fmt.Println(<-done)
	// Output:
	// docsaga.greet.completed {"greeting":"Hello, Ada"}
	// <nil>
}

const greeting = `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0">
  <process id="greeting" isExecutable="true">
    <startEvent id="start"/>
    <sequenceFlow id="f1" sourceRef="start" targetRef="greet"/>
    <serviceTask id="greet"><extensionElements><zeebe:taskDefinition type="greeter"/></extensionElements></serviceTask>
    <sequenceFlow id="f2" sourceRef="greet" targetRef="end"/>
    <endEvent id="end"/>
  </process>
</definitions>`

func submit(ctx context.Context, saga *memlog.Log, id events.DocumentID, data string) {
	e := events.Event{
		Slot: events.DocumentSlot("greeting", 1, id, events.Submitted), Source: "/example", Worker: "example",
		Time: time.Now(), Data: []byte(data),
	}
	if _, err := saga.Write(ctx, e); err != nil {
		log.Fatal(err)
	}
}

func outcome(ctx context.Context, saga *memlog.Log, id events.DocumentID) string {
	after := events.Position{Shard: events.Shard(id, saga.Shards())}
	for batch, err := range saga.Follow(ctx, after) {
		if err != nil {
			log.Fatal(err)
		}
		for i := range batch {
			if e := &batch[i].Event; e.Slot.Kind == events.Outcome {
				data, err := events.ParseData(e.Data)
				if err != nil {
					log.Fatal(err)
				}
				return e.Type() + " " + string(data.Output)
			}
		}
	}
	return "nothing"
}
