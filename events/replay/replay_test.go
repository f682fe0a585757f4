package replay_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/memlog"
	"github.com/docsaga/docsaga/events/replay"
)

func event(document, step string, result events.Result) events.Event {
	return events.Event{
		Slot:   events.Slot{Definition: "flow", Version: 2, Document: events.DocumentID(document), Step: events.StepID(step), Visit: 1, Kind: events.Outcome, Again: 1},
		Result: result, Source: events.SourceService(step), Worker: "w", Time: time.Date(2026, 3, 29, 2, 30, 0, 5e6, time.FixedZone("x", 3600)),
		Data: []byte(`{ "output": {"a": "<x & y>", "b" : [1, 2]} }`),
	}
}

// filled returns a log with n documents of two events each.
func filled(t testing.TB, n int) *memlog.Log {
	t.Helper()
	log := memlog.New(memlog.Config{})
	for i := range n {
		document := fmt.Sprintf("doc-%d", i)
		for _, step := range []string{"parse", "check"} {
			result := events.Completed
			if step == "check" && i%5 == 0 {
				result = events.Failed
			}
			if _, err := log.Write(t.Context(), event(document, step, result)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return log
}

// lines returns what a query selects as JSONL, and how far it has read.
func lines(t *testing.T, log replay.Log, q replay.Query) (string, replay.Positions) {
	t.Helper()
	var b []byte
	var after replay.Positions
	for batch, err := range replay.Read(t.Context(), log, q) {
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range batch.Events {
			b = append(replay.AppendJSON(b, e), '\n')
		}
		after = batch.After
	}
	return string(b), after
}

func TestAppendJSONWritesWhatMarshalJSONWrites(t *testing.T) {
	texts := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("ab<>&\"\\/ \t\n\u2028\u2029\u202aé€😀\x00\x7f"))))
	rapid.Check(t, func(t *rapid.T) {
		e := event("doc", "parse", events.Completed)
		e.Source, e.Cause, e.Worker, e.Trace = texts.Draw(t, "source"), texts.Draw(t, "cause"), texts.Draw(t, "worker"), texts.Draw(t, "trace")
		if rapid.Bool().Draw(t, "has no time") {
			e.Time = time.Time{}
		}
		if rapid.Bool().Draw(t, "is stored") {
			e.Position = events.Position{Shard: rapid.IntRange(0, 63).Draw(t, "shard"), Seq: rapid.Uint64().Draw(t, "seq")}
			e.At = time.Unix(rapid.Int64Range(0, 1<<34).Draw(t, "s"), rapid.Int64Range(0, 1e9-1).Draw(t, "ns"))
		}
		switch rapid.IntRange(0, 3).Draw(t, "data") {
		case 0:
			e.Data = nil
		case 1:
			e.Data = []byte(texts.Draw(t, "raw"))
		case 2:
			var b bytes.Buffer
			enc := json.NewEncoder(&b)
			enc.SetEscapeHTML(false)
			enc.SetIndent(" ", "\t")
			if err := enc.Encode(map[string]any{texts.Draw(t, "name"): []any{texts.Draw(t, "value"), 1.5, nil}}); err != nil {
				t.Fatal(err)
			}
			e.Data = b.Bytes()
		}
		want, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if got := replay.AppendJSON(nil, &e); !bytes.Equal(got, want) {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	})
}

func TestReplaysAreTheSameByteForByte(t *testing.T) {
	log := filled(t, 700)
	for _, order := range []replay.Order{replay.ByShard, replay.Merged} {
		want, after := lines(t, log, replay.Query{Order: order})
		if n := strings.Count(want, "\n"); n != 1400 || after.String() == "" {
			t.Fatalf("%d events up to %v, want 1400", n, after)
		}
		for _, procs := range []int{1, 2, 8} {
			old := runtime.GOMAXPROCS(procs)
			zone := time.Local
			time.Local = time.FixedZone("far", 14*3600)
			got, _ := lines(t, log, replay.Query{Order: order})
			time.Local = zone
			runtime.GOMAXPROCS(old)
			if got != want {
				t.Errorf("order %d with %d processors differs", order, procs)
			}
		}
	}
}

func TestMergedIsInTheOrderOfStoring(t *testing.T) {
	var last time.Time
	n := 0
	for batch, err := range replay.Read(t.Context(), filled(t, 600), replay.Query{Order: replay.Merged}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range batch.Events {
			if e.At.Before(last) {
				t.Fatalf("%v stored at %v comes after %v", e.Position, e.At, last)
			}
			last = e.At
			n++
		}
	}
	if n != 1200 {
		t.Errorf("%d events, want 1200", n)
	}
}

func TestAReplayThatWasLeftGoesOnWhereItStood(t *testing.T) {
	log := filled(t, 3000)
	for _, order := range []replay.Order{replay.ByShard, replay.Merged} {
		want, _ := lines(t, log, replay.Query{Order: order})
		var got []byte
		var after replay.Positions
		for rounds := 0; ; rounds++ {
			n := 0
			// The positions go through their text form, as a user writes them.
			resumed, err := replay.ParsePositions(after.String())
			if err != nil {
				t.Fatal(err)
			}
			for batch, err := range replay.Read(t.Context(), log, replay.Query{Order: order, After: resumed}) {
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range batch.Events {
					got = append(replay.AppendJSON(got, e), '\n')
				}
				after = batch.After
				if n++; n == 3 {
					break
				}
			}
			if n < 3 {
				if rounds < 2 {
					t.Fatalf("only %d rounds: nothing was resumed", rounds)
				}
				break
			}
		}
		if string(got) != want {
			t.Errorf("order %d: the parts make %d bytes, the whole has %d", order, len(got), len(want))
		}
	}
}

func TestFiltersSelect(t *testing.T) {
	log := filled(t, 50)
	log.Put("docsaga.broken", nil, []byte("x"))
	all, _ := lines(t, log, replay.Query{})
	tests := map[string]struct {
		f    replay.Filter
		want int
	}{
		"nothing said":          {replay.Filter{}, 100},
		"two documents":         {replay.Filter{Documents: []events.DocumentID{"doc-3", "doc-4"}}, 4},
		"an unknown document":   {replay.Filter{Documents: []events.DocumentID{"nobody"}}, 0},
		"a step":                {replay.Filter{Steps: []events.StepID{"check"}}, 50},
		"a type":                {replay.Filter{Types: []string{"docsaga.check.failed"}}, 10},
		"types by pattern":      {replay.Filter{Types: []string{"docsaga.*.failed", "docsaga.parse.*"}}, 60},
		"a definition":          {replay.Filter{Definitions: []string{"flow"}}, 100},
		"a version":             {replay.Filter{Definitions: []string{"flow.2"}}, 100},
		"another version":       {replay.Filter{Definitions: []string{"flow.1"}}, 0},
		"what is to come":       {replay.Filter{Since: time.Now().Add(time.Hour)}, 0},
		"what was before":       {replay.Filter{Before: time.Now().Add(time.Hour)}, 100},
		"a step of a document":  {replay.Filter{Documents: []events.DocumentID{"doc-0"}, Steps: []events.StepID{"parse"}}, 1},
		"since an event's time": {replay.Filter{Since: storedAt(t, all, 42)}, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, _ := lines(t, log, replay.Query{Filter: tt.f})
			n := strings.Count(got, "\n")
			if name == "since an event's time" {
				before, _ := lines(t, log, replay.Query{Filter: replay.Filter{Before: tt.f.Since}})
				if m := strings.Count(before, "\n"); n+m != 100 || n == 0 {
					t.Errorf("%d since and %d before an event's time, want 100 together", n, m)
				}
				return
			}
			if n != tt.want {
				t.Errorf("%d events, want %d", n, tt.want)
			}
		})
	}
	for _, bad := range []replay.Filter{{Documents: []events.DocumentID{"a.b"}}, {Definitions: []string{"a.b"}}, {Types: []string{"[a"}}, {Steps: []events.StepID{""}}} {
		if bad.Check() == nil {
			t.Errorf("filter %+v is taken", bad)
		}
	}
}

func storedAt(t *testing.T, all string, line int) time.Time {
	t.Helper()
	var e events.Event
	if err := json.Unmarshal([]byte(strings.Split(all, "\n")[line]), &e); err != nil {
		t.Fatal(err)
	}
	return e.At
}

func TestPositionsBoundAReplay(t *testing.T) {
	log := filled(t, 100)
	until := replay.Positions{5, 3, 1, 7}
	got, after := lines(t, log, replay.Query{Until: until, After: replay.Positions{2, 3}})
	if n := strings.Count(got, "\n"); n != 3+0+1+7 || !slices.Equal(after, until) {
		t.Errorf("%d events up to %v, want 11 up to %v", n, after, until)
	}
	if _, err := replay.ParsePositions("0-1,64-1"); err == nil {
		t.Error("a position in a shard that cannot be is taken")
	}
	for _, err := range replay.Read(t.Context(), log, replay.Query{After: replay.Positions{1 << 40}}) {
		if !errors.Is(err, events.ErrNotFound) {
			t.Errorf("after the end: error %v, want ErrNotFound", err)
		}
	}
}

func TestLiveGoesOnWithWhatComes(t *testing.T) {
	log := filled(t, 10)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := 0
	for batch, err := range replay.Read(ctx, log, replay.Query{Order: replay.Live}) {
		if err != nil {
			t.Fatal(err)
		}
		if seen += len(batch.Events); seen == 20 {
			if _, err := log.Write(ctx, event("late", "parse", events.Completed)); err != nil {
				t.Fatal(err)
			}
		}
		if seen == 21 {
			cancel()
		}
	}
	if seen != 21 {
		t.Errorf("%d events, want those that were there and the late one", seen)
	}
}

// brokenLog fails in the middle of a shard.
type brokenLog struct{ *memlog.Log }

var errBroken = errors.New("the disk is gone")

func (l brokenLog) Follow(ctx context.Context, after events.Position) iter.Seq2[[]events.Delivery, error] {
	return func(yield func([]events.Delivery, error) bool) {
		for batch := range l.Log.Follow(ctx, after) {
			if after.Shard == 1 {
				yield(nil, errBroken)
				return
			}
			if !yield(batch, nil) {
				return
			}
		}
	}
}

func TestAnErrorOfTheLogIsTold(t *testing.T) {
	for _, order := range []replay.Order{replay.ByShard, replay.Merged, replay.Live} {
		var last error
		for _, err := range replay.Read(t.Context(), brokenLog{filled(t, 100)}, replay.Query{Order: order}) {
			last = err
		}
		if !errors.Is(last, errBroken) {
			t.Errorf("order %d: last error %v, want that of the log", order, last)
		}
	}
}

func TestThePaceIsKept(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	due := func(p replay.Pace, stored ...time.Duration) (waits []time.Duration) {
		pacer := replay.Pacer{Pace: p}
		for _, s := range stored {
			waits = append(waits, pacer.Due(&events.Event{At: at.Add(s)}, at).Sub(at))
		}
		return waits
	}
	if got := due(replay.Pace{Rate: 10}, 0, 0, 0); !slices.Equal(got, []time.Duration{0, 100 * time.Millisecond, 200 * time.Millisecond}) {
		t.Errorf("10 a second: due after %v", got)
	}
	if got := due(replay.Pace{Speed: 60}, 0, time.Minute, time.Hour); !slices.Equal(got, []time.Duration{0, time.Second, time.Minute}) {
		t.Errorf("60 times as fast: due after %v", got)
	}
	if (replay.Pace{Rate: -1}).Check() == nil || (replay.Pace{Speed: 2}).Check() != nil {
		t.Error("a pace below 0 is taken, or one above it is not")
	}
}

func TestHTTPPostsInOrderAndTriesAgain(t *testing.T) {
	var got []string
	busy := 2
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var e events.Event
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil || r.Header.Get("Content-Type") != "application/cloudevents+json; charset=UTF-8" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if busy--; busy >= 0 {
			w.WriteHeader([]int{http.StatusTooManyRequests, http.StatusBadGateway}[busy])
			return
		}
		got = append(got, e.ID())
	}))
	defer server.Close()
	h := replay.HTTP{URL: server.URL, Client: server.Client()}
	for _, document := range []string{"a", "b", "c"} {
		e := event(document, "parse", events.Completed)
		if err := h.Send(t.Context(), &e); err != nil {
			t.Fatal(err)
		}
	}
	if want := "a.parse.1.outcome b.parse.1.outcome c.parse.1.outcome"; strings.Join(got, " ") != want {
		t.Errorf("posted %q, want %s", got, want)
	}
	refusing := replay.HTTP{URL: server.URL + "/\x7f", Client: server.Client()}
	e := event("d", "parse", events.Completed)
	if err := refusing.Send(t.Context(), &e); err == nil {
		t.Error("an address that cannot be is taken")
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	e := event("01JDA4XN00000000000000000", "parse", events.Completed)
	e.Position, e.At = events.Position{Shard: 1, Seq: 12345}, time.Now()
	e.Data = []byte(`{"output":{"pages":3,"producer":"x"},"context":{"document":{"location":"upload:sha256:0000000000000000000000000000000000000000000000000000000000000000","name":"a.pdf"}}}`)
	b.Run("append", func(b *testing.B) {
		var buf []byte
		for b.Loop() {
			buf = replay.AppendJSON(buf[:0], &e)
		}
	})
	b.Run("marshal", func(b *testing.B) {
		for b.Loop() {
			if _, err := json.Marshal(e); err != nil {
				b.Fatal(err)
			}
		}
	})
}
