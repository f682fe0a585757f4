package coordinator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/coordinator"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/feed"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/natslog/embedded"
	"github.com/docsaga/docsaga/saga/catalog"
	"github.com/docsaga/docsaga/services/runner"
)

// flow draws the flow abc, services in a row, each with an undo by itself.
func flow(services ...string) []byte {
	var tasks, edges strings.Builder
	last := "start"
	for _, s := range services {
		fmt.Fprintf(&tasks, `
    <serviceTask id="%[1]s"><extensionElements><z:taskDefinition type="%[1]s" retries="3"/></extensionElements></serviceTask>
    <boundaryEvent id="b_%[1]s" attachedToRef="%[1]s"><compensateEventDefinition/></boundaryEvent>
    <serviceTask id="u_%[1]s" isForCompensation="true"><extensionElements><z:taskDefinition type="%[1]s"/></extensionElements></serviceTask>
    <association id="a_%[1]s" sourceRef="b_%[1]s" targetRef="u_%[1]s" associationDirection="One"/>`, s)
		fmt.Fprintf(&edges, `
    <sequenceFlow id="to_%[2]s" sourceRef="%[1]s" targetRef="%[2]s"/>`, last, s)
		last = s
	}
	return fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:z="http://camunda.org/schema/zeebe/1.0" targetNamespace="t">
  <process id="abc" isExecutable="true">
    <startEvent id="start"/>%s%s
    <endEvent id="end"/>
    <sequenceFlow id="to_end" sourceRef="%s" targetRef="end"/>
  </process>
</definitions>`, tasks.String(), edges.String(), last)
}

// effects is a service whose effect is an entry in a map.
type effects struct {
	mu   sync.Mutex
	done map[string]int
	fail map[events.DocumentID]error
}

func newEffects() *effects {
	return &effects{done: make(map[string]int), fail: make(map[events.DocumentID]error)}
}

func key(v runner.Visit) string { return string(v.Document) + "/" + string(v.Step) }

func (s *effects) Do(_ context.Context, v runner.Visit) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fail[v.Document]; err != nil && v.Step == "c" {
		return nil, err
	}
	s.done[key(v)] = 1
	return map[string]string{"by": string(v.Step)}, nil
}

func (s *effects) Undo(_ context.Context, v runner.Visit) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.done, key(v))
	return nil
}

func (s *effects) count(id events.DocumentID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, step := range []string{"a", "b", "c"} {
		n += s.done[string(id)+"/"+step]
	}
	return n
}

// bench is a log with services and, when it runs, a coordinator.
type bench struct {
	*testing.T
	nc      *nats.Conn
	log     *natslog.Log
	catalog *catalog.Catalog
	effects *effects
}

func newBench(t *testing.T) *bench {
	t.Helper()
	server, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Durability: natslog.Relaxed})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	nc, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if err := natslog.Provision(t.Context(), nc, natslog.Config{Durability: natslog.Relaxed}); err != nil {
		t.Fatal(err)
	}
	log, err := natslog.Open(t.Context(), nc, natslog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t, nc: nc, log: log, catalog: catalog.New(log), effects: newEffects()}
	b.deploy(flow("a", "b", "c"))
	return b
}

func (b *bench) deploy(drawn []byte) {
	b.Helper()
	if _, err := catalog.Deploy(b.Context(), b.log, drawn); err != nil {
		b.Fatal(err)
	}
}

// start runs the named services until the returned function is called.
func (b *bench) start(services ...string) (stop func()) {
	return b.background(func(g *errgroup.Group, ctx context.Context) {
		for _, name := range services {
			r, err := runner.New(name, b.effects, b.log, b.catalog, runner.Config{Backoff: time.Millisecond})
			if err != nil {
				b.Fatal(err)
			}
			g.Go(func() error { return r.Run(ctx) })
		}
	})
}

func (b *bench) startCoordinator() (stop func()) {
	return b.background(func(g *errgroup.Group, ctx context.Context) {
		c, err := coordinator.New(b.log, b.catalog, b.log.Snapshots(), coordinator.Config{Poll: 5 * time.Millisecond})
		if err != nil {
			b.Fatal(err)
		}
		g.Go(func() error { return c.Run(ctx) })
		g.Go(func() error { return feed.Run(ctx, b.log, c) })
	})
}

func (b *bench) background(add func(*errgroup.Group, context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	g, inner := errgroup.WithContext(ctx)
	add(g, inner)
	stop = sync.OnceFunc(func() {
		cancel()
		if err := g.Wait(); err != nil {
			b.Errorf("background: %v", err)
		}
	})
	b.Cleanup(stop)
	return stop
}

func (b *bench) submit(id events.DocumentID) {
	b.Helper()
	d, err := b.catalog.Latest(b.Context(), "abc")
	if err != nil {
		b.Fatal(err)
	}
	e := events.Event{
		Slot: events.DocumentSlot(d.Name, d.Version, id, events.Submitted), Source: "/test", Worker: string(id),
		Time: time.Now(), Data: []byte(`{"output":{"n":1}}`),
	}
	if _, err := b.log.Write(b.Context(), e); err != nil {
		b.Fatal(err)
	}
}

// await returns the event of a slot when it stands.
func (b *bench) await(slot events.Slot) events.Event {
	b.Helper()
	for after := range 30_000 {
		e, err := b.log.Read(b.Context(), slot)
		if err == nil {
			return e
		}
		if !errors.Is(err, events.ErrNotFound) {
			b.Fatal(err)
		}
		<-time.After(time.Duration(min(after, 20)) * time.Millisecond)
	}
	b.Fatalf("nothing was written into %s", slot.ID())
	return events.Event{}
}

func (b *bench) ended(id events.DocumentID) events.Event {
	b.Helper()
	e, err := b.log.Submission(b.Context(), id)
	if err != nil {
		b.Fatal(err)
	}
	return b.await(e.Slot.Of(events.Ended))
}

func (b *bench) types(id events.DocumentID) []string {
	b.Helper()
	history, err := b.log.History(b.Context(), id)
	if err != nil {
		b.Fatal(err)
	}
	var types []string
	for i := range history {
		types = append(types, history[i].Type())
	}
	return types
}

func TestADocumentPassesAllServices(t *testing.T) {
	b := newBench(t)
	b.start("a", "b", "c")
	b.startCoordinator()
	b.submit("one")
	if got := b.ended("one").Result; got != events.Completed {
		t.Errorf("ended %v, want completed", got)
	}
	if got := b.effects.count("one"); got != 3 {
		t.Errorf("%d effects, want 3", got)
	}
	e := b.await(events.Slot{Definition: "abc", Version: 1, Document: "one", Step: "c", Visit: 1, Kind: events.Outcome, Again: 1})
	data, err := events.ParseData(e.Data)
	if err != nil || string(data.Context["b"]) != `{"by":"b"}` || string(data.Context["document"]) != `{"n":1}` {
		t.Errorf("context of c is %s (error %v), want the outputs of document, a and b", e.Data, err)
	}
}

func TestARejectionIsUndoneInReverseOrder(t *testing.T) {
	b := newBench(t)
	b.effects.fail["no"] = runner.Reject("too-bad", "it is bad")
	b.start("a", "b", "c")
	b.startCoordinator()
	b.submit("no")
	if got := b.ended("no").Result; got != events.Rejected {
		t.Errorf("ended %v, want rejected", got)
	}
	if got := b.effects.count("no"); got != 0 {
		t.Errorf("%d effects are left, want none", got)
	}
	want := fmt.Sprint([]string{
		"docsaga.document.submitted", "docsaga.a.completed", "docsaga.b.completed", "docsaga.c.rejected",
		"docsaga.b.undo", "docsaga.b.undone", "docsaga.a.undo", "docsaga.a.undone", "docsaga.document.rejected",
	})
	if got := fmt.Sprint(b.types("no")); got != want {
		t.Errorf("events %v, want %v", got, want)
	}
}

func TestAFailureIsTriedAgainAndThenUndone(t *testing.T) {
	b := newBench(t)
	b.effects.fail["bad"] = errors.New("the disk is full")
	b.start("a", "b", "c")
	b.startCoordinator()
	b.submit("bad")
	if got := b.ended("bad").Result; got != events.Failed {
		t.Errorf("ended %v, want failed", got)
	}
	if got := b.effects.count("bad"); got != 0 {
		t.Errorf("%d effects are left, want none", got)
	}
}

func TestDocumentsFinishWithoutACoordinator(t *testing.T) {
	const documents = 200
	b := newBench(t)
	b.start("a", "b", "c")
	stop := b.startCoordinator()
	b.submit("before")
	b.ended("before")
	stop()
	for i := range documents {
		b.submit(events.DocumentID(fmt.Sprintf("d%d", i)))
	}
	for i := range documents {
		id := events.DocumentID(fmt.Sprintf("d%d", i))
		b.await(events.Slot{Definition: "abc", Version: 1, Document: id, Step: "c", Visit: 1, Kind: events.Outcome, Again: 1})
	}
	if _, err := b.log.Read(t.Context(), events.DocumentSlot("abc", 1, "d0", events.Ended)); !errors.Is(err, events.ErrNotFound) {
		t.Fatalf("d0 has ended (error %v) though no coordinator ran: the test shows nothing", err)
	}
	b.startCoordinator()
	for i := range documents {
		id := events.DocumentID(fmt.Sprintf("d%d", i))
		if got := b.ended(id).Result; got != events.Completed {
			t.Errorf("%s ended %v, want completed", id, got)
		}
		if got, want := fmt.Sprint(b.types(id)), fmt.Sprint(b.types("before")); got != want {
			t.Errorf("%s has events %v, want those of a document that never waited: %v", id, got, want)
		}
	}
}

func TestAnotherVersionChangesNoService(t *testing.T) {
	b := newBench(t)
	stop := b.start("b")
	b.start("c")
	b.startCoordinator()
	b.submit("old") // waits at a, which is not running
	b.deploy(flow("c", "a"))
	b.submit("new")
	b.start("a")
	defer stop()
	if got := b.ended("old").Slot.Version; got != 1 {
		t.Errorf("the old document ended on version %d, want 1", got)
	}
	if got := b.ended("new").Slot.Version; got != 2 {
		t.Errorf("the new document ended on version %d, want 2", got)
	}
	want := fmt.Sprint([]string{"docsaga.document.submitted", "docsaga.c.completed", "docsaga.a.completed", "docsaga.document.completed"})
	if got := fmt.Sprint(b.types("new")); got != want {
		t.Errorf("events of the new document %v, want %v", got, want)
	}
}

func TestACoordinatorGoesOnFromItsSnapshot(t *testing.T) {
	b := newBench(t)
	stopServices := b.start("a", "b")
	stop := b.startCoordinator()
	b.submit("waiting")
	b.await(events.Slot{Definition: "abc", Version: 1, Document: "waiting", Step: "b", Visit: 1, Kind: events.Outcome, Again: 1})
	stopServices()
	stop()
	shard := events.Shard("waiting", b.log.Shards())
	if _, err := b.log.Snapshots().Load(t.Context(), fmt.Sprintf("coordinator-%d", shard)); err != nil {
		t.Fatalf("no snapshot was left: %v", err)
	}
	b.startCoordinator()
	b.start("c")
	if got := b.ended("waiting").Result; got != events.Completed {
		t.Errorf("ended %v, want completed", got)
	}
}

func TestTheSameSubmissionIsOneDocument(t *testing.T) {
	const submitters = 100
	b := newBench(t)
	b.start("a", "b", "c")
	b.startCoordinator()
	data, slot := []byte(`{"output":{"n":1}}`), events.DocumentSlot("abc", 1, "same", events.Submitted)
	var g errgroup.Group
	var wins sync.Map
	for i := range submitters {
		g.Go(func() error {
			e := events.Event{Slot: slot, Source: "/test", Worker: strconv.Itoa(i), Time: time.Now(), Data: data}
			standing, err := b.log.Write(t.Context(), e)
			if err == nil {
				wins.Store(i, true)
			} else if !errors.Is(err, events.ErrTaken) || string(standing.Data) != string(data) {
				return fmt.Errorf("submitter %d: %w", i, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	won := 0
	wins.Range(func(any, any) bool { won++; return true })
	if b.ended("same"); won != 1 || len(b.types("same")) != 5 {
		t.Errorf("%d submitters won and the document has events %v, want one, and one of each", won, b.types("same"))
	}
}

func TestTwoCoordinatorsAreHarmless(t *testing.T) {
	b := newBench(t)
	for i := range 20 {
		b.effects.fail[events.DocumentID(fmt.Sprintf("d%d", i))] = runner.Reject("no", "no")
	}
	b.start("a", "b", "c")
	b.startCoordinator()
	b.startCoordinator()
	for i := range 40 {
		b.submit(events.DocumentID(fmt.Sprintf("d%d", i)))
	}
	for i := range 40 {
		id, want, effects := events.DocumentID(fmt.Sprintf("d%d", i)), events.Rejected, 0
		if i >= 20 {
			want, effects = events.Completed, 3
		}
		if got := b.ended(id).Result; got != want {
			t.Errorf("%s ended %v, want %v", id, got, want)
		}
		if got := b.effects.count(id); got != effects {
			t.Errorf("%s has %d effects, want %d", id, got, effects)
		}
	}
}

func TestCancelStopsAndUndoes(t *testing.T) {
	b := newBench(t)
	b.start("a", "b") // c never comes
	b.startCoordinator()
	b.submit("unwanted")
	b.await(events.Slot{Definition: "abc", Version: 1, Document: "unwanted", Step: "b", Visit: 1, Kind: events.Outcome, Again: 1})
	data, err := json.Marshal(events.Data{By: &events.By{Actor: "ann", Reason: "a mistake"}})
	if err != nil {
		t.Fatal(err)
	}
	cancel := events.Event{Slot: events.DocumentSlot("abc", 1, "unwanted", events.Cancel), Source: events.SourceOperator, Worker: "w", Time: time.Now(), Data: data}
	if _, err := b.log.Write(t.Context(), cancel); err != nil {
		t.Fatal(err)
	}
	b.start("c")
	if got := b.ended("unwanted").Result; got != events.Cancelled {
		t.Errorf("ended %v, want cancelled", got)
	}
	if got := b.effects.count("unwanted"); got != 0 {
		t.Errorf("%d effects are left, want none", got)
	}
}
