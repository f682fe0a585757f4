package api

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/docsaga/docsaga/events"
)

// maxCatchUp is how many events a reconnecting watcher is told of; who was
// away for longer reads the lists.
const maxCatchUp = 10_000

// A Watch selects what is watched.
type Watch struct {
	Document   events.DocumentID // empty for all
	Definition string            // empty for all
	Since      string            // Last-Event-ID: positions of all shards, 0-12,1-7; empty for from now on
}

type watchInput struct {
	Document    string `query:"document" maxLength:"64" pattern:"^[A-Za-z0-9_-]*$"`
	Definition  string `query:"definition" maxLength:"64" pattern:"^[A-Za-z0-9_-]*$"`
	LastEventID string `header:"Last-Event-ID" maxLength:"4000" doc:"go on after this id"`
}

func (s *Server) registerLive() {
	o := op(Viewer, http.MethodGet, "/v1/events", "Follow the log live, as server-sent events")
	o.Description += " Each event is named saga, its data is a CloudEvent, its id the positions to go on from."
	o.Responses = map[string]*huma.Response{"200": {Description: "Server-sent events", Content: map[string]*huma.MediaType{
		"text/event-stream": {Schema: &huma.Schema{Type: "string"}},
	}}}
	huma.Register(s.api, o, func(_ context.Context, in *watchInput) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(hctx huma.Context) {
			r, w := humago.Unwrap(hctx)
			s.Stream(w, r, Watch{Document: events.DocumentID(in.Document), Definition: in.Definition, Since: in.LastEventID})
		}}, nil
	})
}

// Stream writes server-sent events until the client goes.
func (s *Server) Stream(w http.ResponseWriter, r *http.Request, watch Watch) {
	since, err := parsePositions(watch.Since, s.system.Log.Shards())
	if err != nil {
		problem(w, r, http.StatusBadRequest)
		return
	}
	watcher, ok := s.hub.watch()
	if !ok {
		w.Header().Set("Retry-After", "10")
		problem(w, r, http.StatusServiceUnavailable)
		return
	}
	defer s.hub.leave(watcher)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	st := &stream{w: w, control: http.NewResponseController(w), watch: watch, at: maps.Clone(watcher.from)}
	if err := st.say("retry: 1000\n\n"); err != nil {
		return
	}
	if len(since) > 0 {
		if err := s.catchUp(r.Context(), st, since, watcher.from); err != nil {
			return
		}
	}
	st.follow(r.Context(), watcher)
}

// catchUp tells what has happened between two positions.
func (s *Server) catchUp(ctx context.Context, st *stream, since, until map[int]uint64) error {
	told := 0
	for _, shard := range slices.Sorted(maps.Keys(since)) {
		if since[shard] >= until[shard] {
			continue
		}
		st.at[shard] = since[shard]
	}
	for _, shard := range slices.Sorted(maps.Keys(since)) {
		if since[shard] >= until[shard] {
			continue
		}
		for batch, err := range s.system.Log.Follow(ctx, events.Position{Shard: shard, Seq: since[shard]}) {
			if err != nil {
				return err
			}
			for i := range batch {
				if batch[i].Event.Position.Seq > until[shard] {
					break
				}
				if batch[i].Bad == nil {
					if err := st.tell(&batch[i].Event); err != nil {
						return err
					}
				}
			}
			if told += len(batch); told > maxCatchUp || batch[len(batch)-1].Event.Position.Seq >= until[shard] {
				break
			}
		}
		st.at[shard] = until[shard]
	}
	return nil
}

// A stream is one client that watches.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	watch   Watch
	at      map[int]uint64
}

func (st *stream) follow(ctx context.Context, w *watcher) {
	beat := time.NewTicker(15 * time.Second)
	defer beat.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			err = st.say(": still here\n\n")
		case batch, ok := <-w.batches:
			if !ok {
				return // too slow: the client comes back
			}
			for i := range batch {
				if err = st.tell(&batch[i]); err != nil {
					break
				}
			}
		}
		if err != nil {
			return
		}
	}
}

// tell writes an event, if it is watched.
func (st *stream) tell(e *events.Event) error {
	if e.Position.Seq <= st.at[e.Position.Shard] {
		return nil
	}
	st.at[e.Position.Shard] = e.Position.Seq
	if st.watch.Document != "" && st.watch.Document != e.Slot.Document || st.watch.Definition != "" && st.watch.Definition != e.Slot.Definition {
		return nil
	}
	raw, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return st.say(fmt.Sprintf("event: saga\nid: %s\ndata: %s\n\n", formatPositions(st.at), raw))
}

func (st *stream) say(text string) error {
	_ = st.control.SetWriteDeadline(time.Now().Add(writeTime)) // or the connection has none
	if _, err := st.w.Write([]byte(text)); err != nil {
		return err
	}
	return st.control.Flush()
}

func formatPositions(at map[int]uint64) string {
	parts := make([]string, 0, len(at))
	for _, shard := range slices.Sorted(maps.Keys(at)) {
		parts = append(parts, events.Position{Shard: shard, Seq: at[shard]}.String())
	}
	return strings.Join(parts, ",")
}

func parsePositions(text string, shards int) (map[int]uint64, error) {
	at := make(map[int]uint64)
	if text == "" {
		return at, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		p, err := events.ParsePosition(part)
		if err != nil {
			return nil, err
		}
		if p.Shard >= shards {
			return nil, fmt.Errorf("position %v: the log has %d shards", p, shards)
		}
		at[p.Shard] = p.Seq
	}
	return at, nil
}
