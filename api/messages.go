package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/oklog/ulid/v2"

	"github.com/docsaga/docsaga/coordinator/flows"
	"github.com/docsaga/docsaga/events"
)

// Notices keeps messages and signals until they are told.
type Notices interface {
	// Tell keeps a notice, and returns what stands under its id: an
	// events.ErrConflict if that is another.
	Tell(ctx context.Context, n events.Notice) (events.Notice, error)
}

// A NoticeBody is what is told, but for the key of a message.
type NoticeBody struct {
	Name string          `json:"name" minLength:"1" maxLength:"256" doc:"that documents wait for"`
	ID   string          `json:"id,omitempty" maxLength:"64" pattern:"^[A-Za-z0-9_-]+$" doc:"by which the same again is known; one is made if there is none"`
	Data json.RawMessage `json:"data,omitempty" doc:"what the step that waits puts out"`
	TTL  int64           `json:"ttlSeconds,omitempty" minimum:"1" maximum:"31622400" doc:"how long it is kept for somebody to wait; an hour if not said"`
}

type messageBody struct {
	NoticeBody
	Key string `json:"key,omitempty" maxLength:"1024" doc:"which of those that wait for the name; none: one that waits for the name alone"`
}

// A Told is a message or signal that is kept.
type Told struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Signal   bool      `json:"signal"`
	Key      string    `json:"key,omitempty"`
	Sequence uint64    `json:"sequence" doc:"in the stream of messages and signals"`
	Expires  time.Time `json:"expires" doc:"when nobody is told it any more"`
}

// Idempotency is what a request that tells something may say.
type Idempotency struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"256" doc:"names the message or signal, if its id does not"`
}

type messageInput struct {
	Idempotency
	Body messageBody
}

type signalInput struct {
	Idempotency
	Body NoticeBody
}

type toldOutput struct{ Body Told }

type waitsInput struct {
	Freshness
	Paging
	Document string `query:"document" maxLength:"64" pattern:"^[A-Za-z0-9_-]*$"`
	Name     string `query:"name" maxLength:"256" doc:"of the message or signal, exactly"`
}

type waitsOutput struct {
	Body struct {
		Waits []flows.Wait `json:"waits"`
		Next  string       `json:"nextPageToken,omitempty" doc:"there are more documents that wait"`
	}
}

func (s *Server) registerMessages() {
	if s.system.Notices == nil {
		return
	}
	huma.Register(s.api, op(Viewer, http.MethodGet, "/v1/messages", "What waits for messages and signals"), s.waits)
	o := op(Submitter, http.MethodPost, "/v1/messages", "Tell a message to the one that waits for its name and key")
	o.DefaultStatus = http.StatusAccepted
	o.Description += " It is told once, to one visit, or to the definition that it starts, and kept until somebody waits. The same id or Idempotency-Key" +
		" with the same content is one message; with other content it is refused with 409."
	huma.Register(s.api, o, func(ctx context.Context, in *messageInput) (*toldOutput, error) {
		return s.told(ctx, in.IdempotencyKey, in.Body, false)
	})
	o = op(Submitter, http.MethodPost, "/v1/signals", "Tell a signal to all that wait for its name")
	o.DefaultStatus = http.StatusAccepted
	o.Description += " Who begins to wait later is not told."
	huma.Register(s.api, o, func(ctx context.Context, in *signalInput) (*toldOutput, error) {
		return s.told(ctx, in.IdempotencyKey, messageBody{NoticeBody: in.Body}, true)
	})
}

func (s *Server) told(ctx context.Context, idempotency string, body messageBody, signal bool) (*toldOutput, error) {
	if body.ID == "" && idempotency != "" {
		body.ID = string(documentFor("key", PersonOf(ctx).Name, idempotency))
	}
	n := events.Notice{ID: body.ID, Name: body.Name, Key: body.Key, Signal: signal, Data: body.Data, TTL: time.Duration(body.TTL) * time.Second}
	t, err := s.Tell(ctx, n)
	if err != nil {
		return nil, s.asProblem(err)
	}
	return &toldOutput{Body: t}, nil
}

// Tell keeps a message or signal of the person who asks. The same again is
// nothing new; another under its id is an events.ErrConflict.
func (s *Server) Tell(ctx context.Context, n events.Notice) (Told, error) {
	if n.ID == "" {
		n.ID = strings.ToLower(ulid.Make().String())
	}
	if n.TTL == 0 {
		n.TTL = events.DefaultNoticeTTL
	}
	n.Source = PersonOf(ctx).source("api")
	if len(n.Data) > 0 {
		var plain bytes.Buffer
		if err := json.Compact(&plain, n.Data); err != nil {
			return Told{}, badRequest("data: " + err.Error())
		}
		n.Data = plain.Bytes()
	}
	if err := n.Check(); errors.Is(err, events.ErrBadEvent) {
		return Told{}, badRequest(err.Error())
	} else if err != nil {
		return Told{}, err
	}
	standing, err := s.system.Notices.Tell(ctx, n)
	if err != nil {
		return Told{}, err
	}
	if standing.Signal != n.Signal {
		return Told{}, statusError(http.StatusConflict, "id "+n.ID+" is that of a message, or of a signal, and cannot be of the other")
	}
	if standing.At.IsZero() {
		standing.At = time.Now().UTC()
	}
	return Told{
		ID: n.ID, Name: n.Name, Signal: n.Signal, Key: n.Key, Sequence: standing.Seq, Expires: standing.Expires().Truncate(time.Second),
	}, nil
}

func (s *Server) waits(ctx context.Context, in *waitsInput) (*waitsOutput, error) {
	if err := s.await(ctx, in.Freshness); err != nil {
		return nil, err
	}
	list, next, err := s.Waits(ctx, events.DocumentID(in.Document), in.Paging)
	if err != nil {
		return nil, s.asProblem(err)
	}
	if in.Name != "" {
		list = slices.DeleteFunc(list, func(w flows.Wait) bool { return w.Name != in.Name })
	}
	out := &waitsOutput{}
	out.Body.Waits, out.Body.Next = list, next
	return out, nil
}

// Waits returns what a document, or a page of all documents if it is empty,
// waits for, the oldest first, and where the next page begins.
func (s *Server) Waits(ctx context.Context, document events.DocumentID, p Paging) (list []flows.Wait, next string, err error) {
	ids := []events.DocumentID{document}
	if document == "" {
		if ids, next, err = s.waiting(ctx, listens, p); err != nil {
			return nil, "", err
		}
	}
	list = []flows.Wait{}
	for _, id := range ids {
		some, err := flows.Waits(ctx, s.system.Log, s.system.Definitions, id)
		if err != nil {
			return nil, "", err
		}
		list = append(list, some...)
	}
	slices.SortStableFunc(list, func(a, b flows.Wait) int { return a.Since.Compare(b.Since) })
	return list, next, nil
}
