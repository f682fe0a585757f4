package runner

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Names of the metadata that a Watermill middleware sees beside the payload,
// which is the visit's input.
const (
	MetadataDocument   = "saga-document"
	MetadataDefinition = "saga-definition"
	MetadataStep       = "saga-step"
	MetadataVisit      = "saga-visit"
	MetadataAttempt    = "saga-attempt"
	MetadataTrace      = "traceparent"
)

// callWrapped runs the handler inside the middlewares. The message's id is
// that of the visit's slot; what the middlewares return last is the output.
func (r *Runner) callWrapped(ctx context.Context, j *job, v Visit) (json.RawMessage, error) {
	h := func(msg *message.Message) ([]*message.Message, error) { //nolint:contextcheck // the message carries it, as Watermill wants
		v.Input = json.RawMessage(msg.Payload)
		out, err := r.handler.Do(msg.Context(), v)
		if err != nil {
			return nil, err
		}
		raw, err := marshal(out)
		if err != nil {
			return nil, err
		}
		return []*message.Message{message.NewMessage(j.slot.ID(), message.Payload(raw))}, nil
	}
	wrapped := message.HandlerFunc(h)
	for _, middleware := range slices.Backward(r.conf.Middleware) {
		wrapped = middleware(wrapped)
	}
	msg := message.NewMessage(j.slot.ID(), message.Payload(v.Input))
	msg.SetContext(ctx)
	msg.Metadata = message.Metadata{
		MetadataDocument: string(v.Document), MetadataDefinition: v.Definition, MetadataStep: string(v.Step),
		MetadataVisit: strconv.Itoa(v.Number), MetadataAttempt: strconv.Itoa(v.Attempt), MetadataTrace: j.span.Traceparent(j.cue.Trace),
	}
	made, err := wrapped(msg)
	if err != nil {
		return nil, err
	}
	if len(made) != 1 {
		return nil, errors.New("runner: a middleware returned " + strconv.Itoa(len(made)) + " messages, want 1")
	}
	return json.RawMessage(made[0].Payload), nil
}
