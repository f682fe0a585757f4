package coordinator_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/coordinator"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/memlog"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/bpmn"
)

// alone returns always the same definition.
type alone struct{ d *saga.Definition }

func (a alone) Get(context.Context, string, int) (*saga.Definition, error) { return a.d, nil }

// noSnapshots keeps none.
type noSnapshots struct{}

func (noSnapshots) Save(context.Context, string, []byte) error { return nil }
func (noSnapshots) Load(context.Context, string) ([]byte, error) {
	return nil, fmt.Errorf("snapshot: %w", events.ErrNotFound)
}

// fiveSteps returns a flow of five steps with no deadlines.
func fiveSteps(b *testing.B) *saga.Definition {
	b.Helper()
	var drawn strings.Builder
	drawn.WriteString(`<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:z="http://camunda.org/schema/zeebe/1.0">
<process id="flow"><startEvent id="start"/>`)
	from := "start"
	for i := range 5 {
		id := fmt.Sprintf("step-%d", i)
		fmt.Fprintf(&drawn, `<serviceTask id="%s"><extensionElements><z:taskDefinition type="%s"/></extensionElements></serviceTask>
<sequenceFlow id="f%d" sourceRef="%s" targetRef="%s"/>`, id, id, i, from, id)
		from = id
	}
	fmt.Fprintf(&drawn, `<endEvent id="end"/><sequenceFlow id="last" sourceRef="%s" targetRef="end"/></process></definitions>`, from)
	d, err := bpmn.Parse([]byte(drawn.String()), 1)
	if err != nil {
		b.Fatal(err)
	}
	return d
}

// half returns the first events of so many documents, which stay open.
func half(from, documents int) []events.Delivery {
	var batch []events.Delivery
	for i := range documents {
		id := events.DocumentID(fmt.Sprintf("01BENCH%019d", from+i))
		for n := range 3 {
			e := events.Event{Slot: events.DocumentSlot("flow", 1, id, events.Submitted), At: time.Unix(1, 0)}
			if n > 0 {
				e.Slot.Step, e.Slot.Kind, e.Result = events.StepID(fmt.Sprintf("step-%d", n-1)), events.Outcome, events.Completed
			}
			e.Position.Seq = uint64(3*(from+i) + n + 1)
			batch = append(batch, events.Delivery{Event: e, Attempt: 1})
		}
	}
	return batch
}

// BenchmarkOpenDocuments measures what an open document takes in memory, and
// how fast events are folded into that of many.
func BenchmarkOpenDocuments(b *testing.B) {
	const documents, chunk = 100_000, 1000
	for b.Loop() {
		c, err := coordinator.New(memlog.New(memlog.Config{Shards: 1}), alone{fiveSteps(b)}, noSnapshots{}, coordinator.Config{SnapshotEvery: 1 << 40})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Start(b.Context(), 0); err != nil {
			b.Fatal(err)
		}
		before := heap()
		var busy time.Duration
		for from := 0; from < documents; from += chunk {
			batch, began := half(from, chunk), time.Now()
			if err := c.Apply(b.Context(), 0, batch); err != nil {
				b.Fatal(err)
			}
			busy += time.Since(began)
		}
		if c.Open() != documents {
			b.Fatalf("%d documents are open, want %d", c.Open(), documents)
		}
		b.ReportMetric(float64(heap()-before)/documents, "bytes/document")
		b.ReportMetric(3*documents/busy.Seconds(), "events/s")
		runtime.KeepAlive(c)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
