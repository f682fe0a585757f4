package api

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/docsaga/docsaga/projections/sqlstore"
)

// The greatest number of series of one metric, and of the reasons of one
// outcome: the others are summed up as "other".
const (
	maxSeries  = 2000
	maxReasons = 20
)

// metrics answers with what Prometheus reads, in its text format. All of it
// follows from the log, so that it is the same whichever server is asked, and
// goes on after a restart.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	e := &exposition{}
	for _, add := range []func(context.Context, *exposition) error{s.countMetrics, s.outcomeMetrics, s.latencyMetrics, s.troubleMetrics, s.lagMetrics, s.queueMetrics} {
		if err := add(r.Context(), e); err != nil {
			status, _ := s.Problem(err)
			problem(w, r, status)
			return
		}
	}
	e.head("docsaga_watchers", "gauge", "clients that follow the log live")
	e.add("docsaga_watchers", float64(s.hub.watching()))
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	e.head("docsaga_heap_bytes", "gauge", "memory that the server's heap uses")
	e.add("docsaga_heap_bytes", float64(memory.HeapInuse))
	e.head("docsaga_goroutines", "gauge", "goroutines of the server")
	e.add("docsaga_goroutines", float64(runtime.NumGoroutine()))
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(e.text.Bytes()) // the client has gone
}

// An exposition is metrics in Prometheus' text format.
type exposition struct {
	text   bytes.Buffer
	series int // of the metric at hand
}

func (e *exposition) head(name, kind, help string) {
	e.series = 0
	fmt.Fprintf(&e.text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// add adds a value with labels, names and values in turn; no more than
// maxSeries of a metric.
func (e *exposition) add(name string, value float64, labels ...string) {
	if e.series++; e.series > maxSeries {
		return
	}
	e.text.WriteString(name)
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
	for i := 0; i < len(labels); i += 2 {
		separator := ","
		if i == 0 {
			separator = "{"
		}
		e.text.WriteString(separator + labels[i] + `="` + quote.Replace(labels[i+1]) + `"`)
	}
	if len(labels) > 0 {
		e.text.WriteString("}")
	}
	fmt.Fprintf(&e.text, " %g\n", value)
}

func (s *Server) countMetrics(ctx context.Context, e *exposition) error {
	counts, err := s.system.Status.Counts(ctx)
	if err != nil {
		return err
	}
	type key struct{ definition, state string }
	sums, submitted := make(map[key]int64), make(map[string]int64)
	var keys []key
	var names []string
	for _, c := range counts {
		k := key{c.Definition, c.State}
		if _, known := sums[k]; !known {
			keys = append(keys, k)
		}
		if _, known := submitted[c.Definition]; !known {
			names = append(names, c.Definition)
		}
		sums[k] += c.Documents
		submitted[c.Definition] += c.Documents
	}
	e.head("docsaga_submissions_total", "counter", "documents that were submitted")
	for _, name := range names {
		e.add("docsaga_submissions_total", float64(submitted[name]), "definition", name)
	}
	e.head("docsaga_documents", "gauge", "documents in each state")
	for _, k := range keys {
		e.add("docsaga_documents", float64(sums[k]), "definition", k.definition, "state", k.state)
	}
	return nil
}

func (s *Server) outcomeMetrics(ctx context.Context, e *exposition) error {
	list, err := s.system.Status.Outcomes(ctx, 10*maxSeries)
	if err != nil {
		return err
	}
	const name = "docsaga_outcomes_total"
	e.head(name, "counter", "visits to a step that ended, by outcome and reason")
	reasons, other := 0, 0.0
	for i, o := range list {
		if reasons++; reasons <= maxReasons {
			e.add(name, float64(o.Visits), "definition", o.Definition, "step", o.Step, "outcome", o.Outcome, "reason", o.Reason)
		} else {
			other += float64(o.Visits)
		}
		if i+1 < len(list) && list[i+1].Definition == o.Definition && list[i+1].Step == o.Step && list[i+1].Outcome == o.Outcome {
			continue
		}
		if other > 0 {
			e.add(name, other, "definition", o.Definition, "step", o.Step, "outcome", o.Outcome, "reason", "other")
		}
		reasons, other = 0, 0
	}
	return nil
}

// latencyMetrics has the latencies of the hour at hand and the one before.
func (s *Server) latencyMetrics(ctx context.Context, e *exposition) error {
	stats, err := s.system.Status.StepStats(ctx, "", time.Now().Add(-time.Hour))
	if err != nil {
		return err
	}
	const seconds, open = "docsaga_step_seconds", "docsaga_open_steps"
	e.head(seconds, "gauge", "how long visits to a step took, this hour and the one before")
	for _, st := range stats {
		for quantile, value := range map[string]float64{"0.5": st.P50, "0.95": st.P95, "0.99": st.P99} {
			if st.Ended > 0 {
				e.add(seconds, value, "definition", st.Definition, "version", strconv.Itoa(st.Version), "step", string(st.Step), "quantile", quantile)
			}
		}
	}
	e.head(open, "gauge", "visits to a step that are open")
	for _, st := range stats {
		e.add(open, float64(st.Open), "definition", st.Definition, "version", strconv.Itoa(st.Version), "step", string(st.Step))
	}
	return nil
}

func (s *Server) troubleMetrics(ctx context.Context, e *exposition) error {
	groups, err := s.system.Status.TroubleGroups(ctx)
	if err != nil {
		return err
	}
	type key struct{ definition, kind string }
	sums := make(map[key]int64)
	oldest := make(map[key]sqlstore.TroubleGroup)
	var keys []key
	for _, g := range groups {
		k := key{g.Definition, g.Kind}
		if _, known := sums[k]; !known {
			keys = append(keys, k)
			oldest[k] = g
		}
		if sums[k] += g.Documents; g.OldestAt.Before(oldest[k].OldestAt) {
			oldest[k] = g
		}
	}
	e.head("docsaga_incidents", "gauge", "incidents that are open")
	for _, k := range keys {
		e.add("docsaga_incidents", float64(sums[k]), "definition", k.definition, "kind", k.kind)
	}
	e.head("docsaga_oldest_incident_seconds", "gauge", "how long the oldest incident is open")
	for _, k := range keys {
		e.add("docsaga_oldest_incident_seconds", time.Since(oldest[k].OldestAt).Seconds(), "definition", k.definition, "kind", k.kind)
	}
	return nil
}

func (s *Server) lagMetrics(ctx context.Context, e *exposition) error {
	positions, err := s.system.Status.Positions(ctx)
	if err != nil {
		return err
	}
	applied := make(map[int]uint64)
	for _, p := range positions {
		applied[p.Shard] = p.Seq
	}
	last := make([]uint64, s.system.Log.Shards())
	for shard := range last {
		seq, err := s.hub.last(ctx, shard)
		if err != nil {
			return err
		}
		last[shard] = max(seq, applied[shard])
	}
	e.head("docsaga_events_total", "counter", "events in each shard of the log")
	for shard, seq := range last {
		e.add("docsaga_events_total", float64(seq), "shard", strconv.Itoa(shard))
	}
	e.head("docsaga_projection_lag_events", "gauge", "events that the projections have not seen yet")
	for shard, seq := range last {
		e.add("docsaga_projection_lag_events", float64(seq-applied[shard]), "shard", strconv.Itoa(shard))
	}
	return nil
}
