package coordinator_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/coordinator"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/feed"
	"github.com/docsaga/docsaga/events/logtest"
	"github.com/docsaga/docsaga/events/memlog"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/bpmn"
	"github.com/docsaga/docsaga/saga/catalog"
)

// storyFlow makes a file of what is drawn in a story's process, as the stories
// of package saga do.
func storyFlow(content string) []byte {
	return []byte(`<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0">
<error id="E" errorCode="bad"/><escalation id="X" escalationCode="look"/><message id="M" name="paid"/><signal id="S" name="stop"/>
<message id="K" name="keyed"><extensionElements><zeebe:subscription correlationKey="=order"/></extensionElements></message>
<process id="story" isExecutable="true">` + content + `</process></definitions>`)
}

// storyLog is what both logs are.
type storyLog interface {
	coordinator.Log
	feed.Log
	catalog.Target
}

// A stage is a log on which a story is played, beside the pure engine.
type stage struct {
	*testing.T
	log        storyLog
	snapshots  coordinator.Snapshots
	catalog    *catalog.Catalog
	document   events.DocumentID
	version    int
	definition *saga.Definition
	pure       []events.Event // what must stand in the log, in some order
	state      saga.State
	clock      logtest.Ahead       // of what runs on the log
	pause      func(time.Duration) // lets it all work for a while
	wait       func(time.Duration) // lets the clock go on
	poll       time.Duration
	twice      bool // coordinators get everything twice
}

type unsaved struct{}

func (unsaved) Save(context.Context, string, []byte) error { return nil }
func (unsaved) Load(context.Context, string) ([]byte, error) {
	return nil, events.ErrNotFound
}

func (s *stage) coordinate() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	c, err := coordinator.New(s.log, s.catalog, s.snapshots, coordinator.Config{
		Poll: s.poll, SnapshotEvery: 3, Writers: 8, Now: s.clock.Now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		s.Fatal(err)
	}
	g, inner := errgroup.WithContext(ctx)
	g.Go(func() error { return c.Run(inner) })
	var reader feed.Reader = c
	if s.twice {
		reader = twice{Coordinator: c, last: make(map[int][]events.Delivery)}
	}
	g.Go(func() error { return feed.Run(inner, s.log, reader) })
	stop = sync.OnceFunc(func() {
		cancel()
		if err := g.Wait(); err != nil {
			s.Errorf("coordinator: %v", err)
		}
	})
	s.Cleanup(stop)
	return stop
}

// errCannotHappen reports a line whose slot the log has given to another.
var errCannotHappen = errors.New("a slot takes one event")

// line makes one line happen, in the log and in the pure engine.
func (s *stage) line(line string) error {
	words := strings.SplitN(line, " ", 3)
	e := events.Event{Slot: events.DocumentSlot("story", s.version, s.document, events.Submitted), Source: "/story", Worker: "w"}
	var data events.Data
	switch words[0] {
	case "submit":
		data.Output = []byte(strings.TrimPrefix(line, "submit "))
	case "start":
		data.Output, data.Start = []byte(words[2]), events.StepID(words[1])
	case "cancel":
		e.Slot.Kind = events.Cancel
	case "compensate":
		e.Slot.Kind = events.Compensate
	case "wait":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			s.Fatal(err)
		}
		s.wait(d)
		s.decide()
		return nil
	default:
		data = s.step(&e, append(words, "")[:3])
	}
	for i := range s.pure {
		if past, err := events.ParseData(s.pure[i].Data); err == nil && (s.pure[i].Result == events.Completed || s.pure[i].Slot.Kind == events.Submitted) {
			data.Context = events.With(data.Context, s.pure[i].Slot.Step, past.Output)
		}
	}
	var err error
	if e.Data, err = data.Marshal(); err != nil {
		s.Fatal(err)
	}
	e.Time = s.clock.Now()
	twice := slices.ContainsFunc(s.pure, func(p events.Event) bool { return p.Slot == e.Slot })
	if _, err := s.log.Write(s.Context(), e); err != nil {
		if errors.Is(err, events.ErrTaken) {
			return errCannotHappen
		}
		s.Fatal(err)
	}
	if !twice { // the log has it once
		s.fold(e)
	}
	s.decide()
	return nil
}

func (s *stage) step(e *events.Event, words []string) (data events.Data) {
	step, number, numbered := strings.Cut(words[0], ".")
	e.Slot.Step, e.Slot.Kind = events.StepID(step), events.Outcome
	if numbered {
		e.Slot.Visit, _ = strconv.Atoi(number)
	}
	e.Result = map[string]events.Result{
		"completed": events.Completed, "rejected": events.Rejected, "failed": events.Failed, "cancelled": events.Cancelled,
		"undone": events.Completed, "undone-2": events.Completed, "undo-failed": events.Failed,
	}[words[1]]
	switch words[1] {
	case "completed":
		data.Output = json.RawMessage(words[2])
	case "rejected", "failed":
		data.Error = &events.Error{Code: words[2]}
	case "undone", "undo-failed":
		e.Slot.Kind = events.Undone
	case "redo":
		e.Slot.Kind = events.Redo
	case "undo-2":
		e.Slot.Kind, e.Slot.Again = events.Undo, 2
	case "undone-2":
		e.Slot.Kind, e.Slot.Again = events.Undone, 2
	}
	return data
}

func (s *stage) fold(e events.Event) {
	e.At, e.Position.Seq = s.clock.Now(), uint64(len(s.pure)+1)
	s.pure = append(s.pure, e)
	s.state = s.definition.Fold(s.state, &e)
}

// decide does in the pure engine what a coordinator does at once.
func (s *stage) decide() {
	for {
		due := s.definition.Decide(&s.state, s.clock.Now())
		if len(due) == 0 {
			return
		}
		result, data, err := s.definition.Settle(due[0], s.pure)
		if err != nil {
			s.Fatal(err)
		}
		raw, err := data.Marshal()
		if err != nil {
			s.Fatal(err)
		}
		s.fold(events.Event{Slot: due[0].Slot(s.definition, s.document), Result: result, Data: raw})
	}
}

// told returns what stands, in an order that two coordinators cannot change:
// the slots with their results and outputs.
func told(list []events.Event) []string {
	var all []string
	for i := range list {
		data, _ := events.ParseData(list[i].Data)
		all = append(all, list[i].ID()+" "+list[i].Result.String()+" "+string(data.Output))
	}
	slices.Sort(all)
	return all
}

// same waits until the log holds what the pure engine does.
func (s *stage) same(line string) bool {
	s.Helper()
	var got []string
	for range 400 {
		history, err := s.log.History(s.Context(), s.document)
		if err != nil {
			s.Fatal(err)
		}
		if got = told(history); len(got) >= len(s.pure) {
			break
		}
		s.pause(10 * time.Millisecond)
	}
	if diff := cmp.Diff(told(s.pure), got); diff != "" {
		s.Errorf("after %q the log holds other than it should (-want +got):\n%s", line, diff)
		return false
	}
	return true
}

// play plays a story, with another coordinator after each line.
func (s *stage) play(lines []string) {
	s.Helper()
	for _, line := range lines {
		stop := s.coordinate()
		if err := s.line(line); err != nil {
			s.Logf("%q cannot happen in a log: %v; the rest of the story is left out", line, err)
			stop()
			return
		}
		ok := s.same(line)
		stop()
		if !ok {
			return
		}
	}
	stop := s.coordinate()
	s.pause(50 * time.Millisecond)
	s.same("the end")
	stop()
}

type story struct {
	name  string
	drawn []byte
	lines []string
}

func stories(t *testing.T) []story {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "saga", "testdata", "stories", "*.txt"))
	if err != nil || len(files) < 40 {
		t.Fatalf("%d stories, %v", len(files), err)
	}
	var list []story
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		drawn, rest, _ := strings.Cut(string(raw), "\n---\n")
		st := story{name: strings.TrimSuffix(filepath.Base(file), ".txt"), drawn: storyFlow(drawn)}
		for line := range strings.Lines(rest) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "=>") {
				st.lines = append(st.lines, line)
			}
		}
		list = append(list, st)
	}
	return list
}

func (s *stage) set(st *story, document string) {
	s.Helper()
	refs, err := s.log.Definitions(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	s.version, s.document = len(refs)+1, events.DocumentID(document)
	d, err := bpmn.Parse(st.drawn, s.version)
	if err != nil {
		s.Fatal(err)
	}
	if err := s.log.PutDefinition(s.Context(), d.Name, s.version, st.drawn); err != nil {
		s.Fatal(err)
	}
	s.definition = d
}

// A shifted log shows what it holds as if it had the clock of the stage.
type shifted struct {
	storyLog
	clock *logtest.Ahead
}

func (s shifted) History(ctx context.Context, document events.DocumentID) ([]events.Event, error) {
	history, err := s.storyLog.History(ctx, document)
	for i := range history {
		history[i].At = s.clock.Shown(history[i].At)
	}
	return history, err
}

func (s shifted) Follow(ctx context.Context, after events.Position) iter.Seq2[[]events.Delivery, error] {
	return func(yield func([]events.Delivery, error) bool) {
		for batch, err := range s.storyLog.Follow(ctx, after) {
			shown := slices.Clone(batch)
			for i := range shown {
				shown[i].Event.At = s.clock.Shown(shown[i].Event.At)
			}
			if !yield(shown, err) {
				return
			}
		}
	}
}

func TestStoriesInMemory(t *testing.T) {
	for _, st := range stories(t) {
		t.Run(st.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := memlog.New(memlog.Config{Shards: 1})
				s := &stage{T: t, log: log, snapshots: unsaved{}, catalog: catalog.New(log), poll: time.Second, pause: func(d time.Duration) {
					<-time.After(d)
					synctest.Wait()
				}}
				s.wait = s.pause
				s.set(&st, "d")
				s.play(st.lines)
			})
		})
	}
}

func TestStoriesOnNATSWithTwoCoordinators(t *testing.T) {
	b := newBench(t)
	for _, st := range stories(t) {
		t.Run(st.name, func(t *testing.T) {
			s := &stage{T: t, snapshots: b.log.Snapshots(), catalog: b.catalog, poll: 5 * time.Millisecond, pause: func(d time.Duration) { <-time.After(d) }}
			s.log, s.wait = shifted{storyLog: b.log, clock: &s.clock}, s.clock.Move
			s.set(&st, st.name)
			defer s.coordinate()()
			s.play(st.lines)
		})
	}
}
