package natslog_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/natslog"
)

func benchEvent(document string) events.Event {
	return events.Event{
		Slot:   events.Slot{Definition: "flow", Version: 1, Document: events.DocumentID(document), Step: "step", Visit: 1, Kind: events.Outcome, Again: 1},
		Result: events.Completed, Source: events.SourceService("step"), Worker: "0123456789abcdef", Time: time.Now(),
		Cause: document + ".document.1.submitted", Data: []byte(`{"output":{"n":1},"context":{"document":{"file":"a.pdf"}}}`),
	}
}

// cpu returns the processor time of this process.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail for SELF
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// report prints how many per second, and their processor time.
func report(b *testing.B, n int, since time.Time, used time.Duration) {
	b.Helper()
	b.ReportMetric(float64(n)/time.Since(since).Seconds(), "msgs/s")
	b.ReportMetric(float64((cpu()-used).Microseconds())/float64(n), "cpu-us/msg")
}

func BenchmarkWrite(b *testing.B) {
	for _, durability := range []natslog.Durability{natslog.Relaxed, natslog.Strict} {
		for _, writers := range []int{1, 16, 256} {
			b.Run(fmt.Sprintf("durability=%s/writers=%d", durability, writers), func(b *testing.B) {
				l := open(b, start(b, durability), natslog.Config{Durability: durability})
				b.ResetTimer()
				began, used := time.Now(), cpu()
				fill(b, l, writers, b.N)
				report(b, b.N, began, used)
			})
		}
	}
}

// fill writes n events with so many writers.
func fill(b *testing.B, l *natslog.Log, writers, n int) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for {
				i := next.Add(1)
				if i > int64(n) {
					return
				}
				if _, err := l.Write(b.Context(), benchEvent(fmt.Sprintf("doc-%d", i))); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkFollow(b *testing.B) {
	l := open(b, start(b, natslog.Relaxed), natslog.Config{Durability: natslog.Relaxed, Shards: 1})
	fill(b, l, 256, b.N)
	b.ResetTimer()
	began, used, seen := time.Now(), cpu(), 0
	for batch, err := range l.Follow(b.Context(), events.Position{}) {
		if err != nil {
			b.Fatal(err)
		}
		if seen += len(batch); seen >= b.N {
			break
		}
	}
	report(b, b.N, began, used)
}

func BenchmarkCues(b *testing.B) {
	l := open(b, start(b, natslog.Relaxed), natslog.Config{Durability: natslog.Relaxed, Shards: 1})
	fill(b, l, 256, b.N)
	if err := l.Prepare(b.Context(), "q", []events.Pattern{{Definition: "flow", Version: 1, Step: "step", Kind: events.Outcome}}); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	began, used, seen := time.Now(), cpu(), 0
	for d, err := range l.Cues(b.Context(), "q", 0, 500) {
		if err != nil {
			b.Fatal(err)
		}
		if err := d.Ack(); err != nil {
			b.Fatal(err)
		}
		if seen++; seen == b.N {
			break
		}
	}
	report(b, b.N, began, used)
}

func BenchmarkHistory(b *testing.B) {
	for _, documents := range []int{1000, 50_000} {
		b.Run(fmt.Sprintf("documents=%d", documents), func(b *testing.B) {
			l := open(b, start(b, natslog.Relaxed), natslog.Config{Durability: natslog.Relaxed})
			fill(b, l, 256, documents)
			for i := range 7 {
				e := benchEvent("doc-1")
				e.Slot.Step = events.StepID(fmt.Sprintf("step-%d", i))
				if _, err := l.Write(b.Context(), e); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				if h, err := l.History(b.Context(), "doc-1"); err != nil || len(h) != 8 {
					b.Fatal(len(h), err)
				}
			}
		})
	}
}
