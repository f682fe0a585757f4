package coordinator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/docsaga/docsaga/events"
)

// plainService does step b of flow abc with nothing but a NATS client: it
// takes the outcomes of a, copies the subject's tokens with its own step in
// their place, and publishes a CloudEvent there. It stands for a service in
// any other language.
func plainService(ctx context.Context, nc *nats.Conn, shard int) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	consumer, err := js.CreateOrUpdateConsumer(ctx, fmt.Sprintf("DOCSAGA_%d", shard), jetstream.ConsumerConfig{
		Durable: "plain-b", FilterSubject: "docsaga.*.abc.1.*.a.*.outcome", AckPolicy: jetstream.AckExplicitPolicy,
	})
	if err != nil {
		return err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, messages.Stop)
	for {
		msg, err := messages.Next()
		if err != nil {
			return nil //nolint:nilerr // stopped
		}
		if err := plainDo(ctx, js, msg); err != nil {
			return err
		}
	}
}

func plainDo(ctx context.Context, js jetstream.JetStream, msg jetstream.Msg) error {
	if msg.Headers().Get("ce-type") != "docsaga.a.completed" {
		return msg.Ack()
	}
	var in struct {
		Output  json.RawMessage            `json:"output"`
		Context map[string]json.RawMessage `json:"context"`
	}
	if err := json.Unmarshal(msg.Data(), &in); err != nil {
		return err
	}
	if in.Context == nil {
		in.Context = make(map[string]json.RawMessage)
	}
	in.Context["a"] = in.Output
	data, err := json.Marshal(map[string]any{"output": map[string]string{"by": "plain"}, "context": in.Context})
	if err != nil {
		return err
	}
	tokens := strings.Split(msg.Subject(), ".")
	tokens[5], tokens[6], tokens[7] = "b", "1", "outcome"
	out := nats.NewMsg(strings.Join(tokens, "."))
	out.Data = data
	for name, value := range map[string]string{
		"ce-specversion": "1.0", "ce-id": strings.Join(tokens[4:], "."), "ce-source": "/some/where", "ce-type": "docsaga.b.completed",
		"ce-subject": tokens[4], "ce-time": time.Now().UTC().Format(time.RFC3339), "ce-datacontenttype": "application/json",
		"ce-causationid": msg.Headers().Get("ce-id"),
	} {
		out.Header.Set(name, value)
	}
	if _, err := js.PublishMsg(ctx, out); err != nil && !strings.Contains(err.Error(), "maximum messages per subject") {
		return err
	}
	return msg.Ack()
}

func TestAServiceNeedsNothingOfOurs(t *testing.T) {
	b := newBench(t)
	b.start("a", "c")
	b.startCoordinator()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, b.log.Shards())
	for shard := range b.log.Shards() {
		go func() { done <- plainService(ctx, b.nc, shard) }()
	}
	b.submit("mixed")
	if got := b.ended("mixed").Result; got != events.Completed {
		t.Errorf("ended %v, want completed", got)
	}
	e := b.await(events.Slot{Definition: "abc", Version: 1, Document: "mixed", Step: "c", Visit: 1, Kind: events.Outcome, Again: 1})
	data, err := events.ParseData(e.Data)
	if err != nil || string(data.Context["b"]) != `{"by":"plain"}` {
		t.Errorf("context of c is %s (error %v), want the output of the plain service as b", e.Data, err)
	}
	cancel()
	for range b.log.Shards() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
