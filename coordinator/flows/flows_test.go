package flows_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/coordinator"
	"github.com/docsaga/docsaga/coordinator/flows"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/feed"
	"github.com/docsaga/docsaga/events/logtest"
	"github.com/docsaga/docsaga/events/memlog"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/natslog/embedded"
	"github.com/docsaga/docsaga/saga/catalog"
)

// sagaLog is what both logs are.
type sagaLog interface {
	coordinator.Log
	flows.Log
	feed.Log
	catalog.Target
	Submission(ctx context.Context, document events.DocumentID) (events.Event, error)
}

// A world is a log with what runs on it.
type world struct {
	*testing.T
	log       sagaLog
	notices   flows.Notices
	catalog   *catalog.Catalog
	snapshots coordinator.Snapshots
	settle    func()        // until nothing moves
	ahead     logtest.Ahead // the clock of what runs
}

// pass lets the time go by.
func (w *world) pass(d time.Duration) {
	w.ahead.Move(d)
	w.settle()
}

// A shifted log was deployed to by the clock of the test.
type shifted struct {
	sagaLog
	ahead *logtest.Ahead
}

// show gives the world a log.
func (w *world) show(log sagaLog) {
	w.log = shifted{sagaLog: log, ahead: &w.ahead}
	w.catalog = catalog.New(w.log)
}

func (s shifted) Deployed(ctx context.Context, name string, version int) (time.Time, error) {
	at, err := s.sagaLog.Deployed(ctx, name, version)
	return s.ahead.Shown(at), err
}

// noSnapshots has none, so that every start reads the log from its beginning.
type noSnapshots struct{}

func (noSnapshots) Save(context.Context, string, []byte) error { return nil }
func (noSnapshots) Load(context.Context, string) ([]byte, error) {
	return nil, events.ErrNotFound
}

// inMemory runs a test in a bubble, with a log in memory.
func inMemory(t *testing.T, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		log := memlog.New(memlog.Config{Shards: 2})
		w := &world{
			T: t, notices: memlog.NewNotices(), snapshots: noSnapshots{},
			settle: func() {
				<-time.After(5 * time.Second) // of the bubble's clock
				synctest.Wait()
			},
		}
		w.show(log)
		test(w)
	})
}

func onNATS(t *testing.T, test func(w *world)) {
	t.Helper()
	server, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Durability: natslog.Relaxed, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	nc, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if err := natslog.Provision(t.Context(), nc, natslog.Config{Durability: natslog.Relaxed, Shards: 2}); err != nil {
		t.Fatal(err)
	}
	log, err := natslog.Open(t.Context(), nc, natslog.Options{Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	notices, err := log.Notices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, notices: notices, snapshots: log.Snapshots()}
	w.show(log)
	w.settle = w.quiet
	test(w)
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// quiet waits until nothing was written for a while.
func (w *world) quiet() {
	last, since := uint64(0), time.Now()
	for time.Since(since) < 400*time.Millisecond {
		total := uint64(0)
		for shard := range w.log.Shards() {
			n, err := w.log.Last(w.Context(), shard)
			if err != nil {
				w.Fatal(err)
			}
			total += n
		}
		if total != last {
			last, since = total, time.Now()
		}
		<-time.After(20 * time.Millisecond)
	}
}

// start runs a coordinator with flows until stop is called.
func (w *world) start() (stop func()) {
	w.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	f, err := flows.New(w.log, w.catalog, w.notices, flows.Config{Poll: 50 * time.Millisecond, Now: w.ahead.Now, Logger: quiet()})
	if err != nil {
		w.Fatal(err)
	}
	c, err := coordinator.New(w.log, w.catalog, w.snapshots, coordinator.Config{Poll: 20 * time.Millisecond, Outside: f, Logger: quiet()})
	if err != nil {
		w.Fatal(err)
	}
	g, inner := errgroup.WithContext(ctx)
	g.Go(func() error { return f.Run(inner) })
	g.Go(func() error { return c.Run(inner) })
	g.Go(func() error { return feed.Run(inner, w.log, c) })
	stop = sync.OnceFunc(func() {
		cancel()
		if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			w.Errorf("background: %v", err)
		}
	})
	w.Cleanup(stop)
	return stop
}

// deploy deploys a process with the given content.
func (w *world) deploy(name, content, roots string) {
	w.Helper()
	drawn := fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:z="http://camunda.org/schema/zeebe/1.0" targetNamespace="t">
  %s<process id="%s" isExecutable="true">%s</process></definitions>`, roots, name, content)
	if _, err := catalog.Deploy(w.Context(), w.log, []byte(drawn)); err != nil {
		w.Fatal(err)
	}
}

// row draws elements in a row, each given by its id and its element.
func row(elements ...string) string {
	var b strings.Builder
	last := "start"
	b.WriteString(`<startEvent id="start"/>`)
	for i := 0; i < len(elements); i += 2 {
		id := elements[i]
		fmt.Fprintf(&b, `%s<sequenceFlow id="to_%s" sourceRef="%s" targetRef="%s"/>`, elements[i+1], id, last, id)
		last = id
	}
	return b.String()
}

func (w *world) submit(definition string, id events.DocumentID, input string) {
	w.Helper()
	d, err := w.catalog.Latest(w.Context(), definition)
	if err != nil {
		w.Fatal(err)
	}
	e := events.Event{
		Slot: events.DocumentSlot(d.Name, d.Version, id, events.Submitted), Source: "/test", Worker: string(id),
		Time: time.Now(), Data: []byte(`{"output":` + input + `}`),
	}
	if _, err := w.log.Write(w.Context(), e); err != nil {
		w.Fatal(err)
	}
}

func (w *world) tell(n events.Notice) {
	w.Helper()
	if n.TTL == 0 {
		n.TTL = events.DefaultNoticeTTL
	}
	n.Source = "/test"
	if _, err := w.notices.Tell(w.Context(), n); err != nil {
		w.Fatal(err)
	}
}

// story returns what happened to a document: the types of its events without
// the common prefix.
func (w *world) story(id events.DocumentID) string {
	w.Helper()
	history, err := w.log.History(w.Context(), id)
	if err != nil {
		w.Fatal(err)
	}
	var types []string
	for i := range history {
		types = append(types, strings.TrimPrefix(history[i].Type(), "docsaga."))
	}
	return strings.Join(types, " ")
}

func (w *world) want(id events.DocumentID, story string) {
	w.Helper()
	if got := w.story(id); got != story {
		w.Errorf("%s: %s\nwant %s", id, got, story)
	}
}

// output returns what a document's first visit of a step put out.
func (w *world) output(id events.DocumentID, step events.StepID) string {
	w.Helper()
	s, err := w.log.Submission(w.Context(), id)
	if err != nil {
		w.Fatal(err)
	}
	slot := s.Slot
	slot.Step, slot.Kind = step, events.Outcome
	e, err := w.log.Read(w.Context(), slot)
	if err != nil {
		w.Fatal(err)
	}
	data, err := events.ParseData(e.Data)
	if err != nil {
		w.Fatal(err)
	}
	return string(data.Output)
}

const paid = `<message id="m" name="paid"><extensionElements><z:subscription correlationKey="=order"/></extensionElements></message>`

func waitForPaid() string {
	return row("wait", `<intermediateCatchEvent id="wait"><messageEventDefinition messageRef="m"/></intermediateCatchEvent>`, "end", `<endEvent id="end"/>`)
}

const toldOnce = "document.submitted wait.completed document.completed"

// everywhere runs a test on both logs.
func everywhere(t *testing.T, test func(w *world)) {
	t.Helper()
	t.Run("memlog", func(t *testing.T) { inMemory(t, test) })
	t.Run("natslog", func(t *testing.T) { onNATS(t, test) })
}

func TestAMessageIsToldToWhoWaitsForItsKey(t *testing.T) {
	everywhere(t, func(w *world) {
		w.deploy("order", waitForPaid(), paid)
		w.start()
		w.submit("order", "one", `{"order":"A 1"}`)
		w.submit("order", "two", `{"order":2}`)
		w.settle()
		w.tell(events.Notice{ID: "m1", Name: "paid", Key: "A 1", Data: []byte(`{"amount":12}`)})
		w.settle()
		w.want("one", "document.submitted wait.completed document.completed")
		w.want("two", "document.submitted")
		if got := w.output("one", "wait"); got != `{"amount":12}` {
			w.Errorf("output %s, want the message's data", got)
		}
		w.tell(events.Notice{ID: "m2", Name: "paid", Key: "2"})
		w.settle()
		w.want("two", "document.submitted wait.completed document.completed")
	})
}

func TestAMessageIsKeptUntilSomebodyWaits(t *testing.T) {
	everywhere(t, func(w *world) {
		w.deploy("order", waitForPaid(), paid)
		stop := w.start()
		w.tell(events.Notice{ID: "m1", Name: "paid", Key: "1"})
		w.settle()
		stop() // the message outlives who keeps it
		w.start()
		w.submit("order", "one", `{"order":"1"}`)
		w.submit("order", "two", `{"order":"1"}`)
		w.settle()
		told := 0
		for _, id := range []events.DocumentID{"one", "two"} {
			if w.story(id) == "document.submitted wait.completed document.completed" {
				told++
			}
		}
		if told != 1 {
			w.Errorf("%d documents were told, want one: one %s, two %s", told, w.story("one"), w.story("two"))
		}
	})
}

func TestAMessageDiesOfAge(t *testing.T) {
	inMemory(t, func(w *world) {
		w.deploy("order", waitForPaid(), paid)
		w.start()
		w.tell(events.Notice{ID: "m1", Name: "paid", Key: "1", TTL: time.Minute})
		<-time.After(2 * time.Minute)
		w.submit("order", "one", `{"order":"1"}`)
		w.settle()
		w.want("one", "document.submitted")
	})
}

func TestManyMessagesAreToldOnceEach(t *testing.T) {
	everywhere(t, func(w *world) {
		const documents = 40
		w.deploy("order", waitForPaid(), paid)
		stop := w.start()
		w.start() // two coordinators
		for i := range documents {
			w.submit("order", events.DocumentID(fmt.Sprintf("d%d", i)), `{"order":"same"}`)
			w.tell(events.Notice{ID: fmt.Sprintf("m%d", i), Name: "paid", Key: "same", Data: fmt.Appendf(nil, `{"n":%d}`, i)})
			if i == documents/2 {
				stop()
			}
		}
		w.settle()
		all := func() bool {
			for i := range documents {
				if w.story(events.DocumentID(fmt.Sprintf("d%d", i))) != toldOnce {
					return false
				}
			}
			return true
		}
		for range 20 { // a claim of the coordinator that was stopped is looked after later
			if all() {
				break
			}
			w.settle()
		}
		seen := make(map[string]bool)
		for i := range documents {
			id := events.DocumentID(fmt.Sprintf("d%d", i))
			w.want(id, toldOnce)
			if w.Failed() {
				return
			}
			output := w.output(id, "wait")
			if seen[output] {
				w.Errorf("message %s was told twice", output)
			}
			seen[output] = true
		}
	})
}
