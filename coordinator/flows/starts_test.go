package flows_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
)

// started are the documents that timers have started.
func (w *world) started() []string {
	w.Helper()
	var list []string
	for shard := range w.log.Shards() {
		last, err := w.log.Last(w.Context(), shard)
		if err != nil {
			w.Fatal(err)
		}
		if last == 0 {
			continue
		}
		for batch, err := range w.log.Follow(w.Context(), events.Position{Shard: shard}) {
			if err != nil {
				w.Fatal(err)
			}
			end := uint64(0)
			for _, d := range batch {
				end = d.Event.Position.Seq
				if d.Event.Slot.Kind == events.Submitted && strings.HasPrefix(d.Event.Source, events.SourceTimers) {
					list = append(list, string(d.Event.Slot.Document))
				}
			}
			if end >= last {
				break
			}
		}
	}
	return list
}

// deployedAt returns when the latest version was deployed, as timers count.
func (w *world) deployedAt(name string) time.Time {
	w.Helper()
	d, err := w.catalog.Latest(w.Context(), name)
	if err != nil {
		w.Fatal(err)
	}
	at, err := w.catalog.Deployed(w.Context(), name, d.Version)
	if err != nil {
		w.Fatal(err)
	}
	return at.UTC().Truncate(time.Millisecond)
}

// startedAt is the id of the document that tick starts at a due time.
func startedAt(due time.Time, ref string) events.DocumentID {
	at := strings.Replace(due.UTC().Format("20060102T150405.999Z"), ".", "_", 1)
	return events.DocumentID(events.JoinID("at", at, ref, "tick"))
}

// clocked draws a process that a timer starts.
func clocked(timer string) string {
	return `<startEvent id="tick"><timerEventDefinition>` + timer + `</timerEventDefinition></startEvent>
		<sequenceFlow id="f" sourceRef="tick" targetRef="end"/><endEvent id="end"/>`
}

const startedOnce = "document.submitted document.completed"

func (w *world) count(want int) {
	w.Helper()
	if got := w.started(); len(got) != want {
		w.Errorf("timers have started %q, want %d", got, want)
	}
}

func TestACycleStartsADocumentEachTimeAndAsOftenAsItSays(t *testing.T) {
	everywhere(t, func(w *world) {
		w.deploy("report", clocked(`<timeCycle>R3/PT1H</timeCycle>`), "")
		w.start()
		stop := w.start() // two coordinators start it once
		w.settle()
		w.count(0)
		set := w.deployedAt("report")
		for n := 1; n <= 3; n++ {
			w.pass(time.Hour)
			w.want(startedAt(set.Add(time.Duration(n)*time.Hour), "report.1"), startedOnce)
			w.count(n)
			if n == 2 {
				stop()
			}
		}
		w.pass(3 * time.Hour)
		w.count(3)
		w.start() // a restart starts nothing again
		w.settle()
		w.count(3)
	})
}

func TestWhatWasDueMeanwhileIsStartedOnceForTheLastTime(t *testing.T) {
	everywhere(t, func(w *world) {
		w.deploy("report", clocked(`<timeCycle>R/PT1H</timeCycle>`), "")
		set := w.deployedAt("report")
		w.pass(5*time.Hour + 30*time.Minute)
		w.start()
		w.settle()
		w.count(1)
		w.want(startedAt(set.Add(5*time.Hour), "report.1"), startedOnce)
		w.pass(time.Hour)
		w.count(2)
		w.want(startedAt(set.Add(6*time.Hour), "report.1"), startedOnce)
	})
}

func TestADateOrADurationStartsOneDocument(t *testing.T) {
	everywhere(t, func(w *world) {
		at := w.ahead.Now().UTC().Add(2 * time.Hour).Truncate(time.Second)
		w.deploy("once", clocked(`<timeDate>`+at.Format(time.RFC3339)+`</timeDate>`), "")
		w.deploy("later", clocked(`<timeDuration>="PT" + string(1 + 2) + "H"</timeDuration>`), "")
		w.deploy("past", clocked(`<timeDate>2001-01-01T00:00:00Z</timeDate>`), "")
		w.start()
		w.settle()
		w.count(0)
		w.pass(2 * time.Hour)
		w.count(1)
		w.want(startedAt(at, "once.1"), startedOnce)
		w.pass(time.Hour)
		w.count(2)
		w.want(startedAt(w.deployedAt("later").Add(3*time.Hour), "later.1"), startedOnce)
	})
}

func TestOnlyTheLatestVersionIsStartedByTheClock(t *testing.T) {
	everywhere(t, func(w *world) {
		w.deploy("report", clocked(`<timeCycle>R/PT1H</timeCycle>`), "")
		w.start()
		w.settle()
		w.pass(time.Hour)
		w.count(1)
		w.deploy("report", clocked(`<timeCycle>R/PT3H</timeCycle>`), "")
		w.settle()
		w.pass(2 * time.Hour)
		w.count(1)
		w.pass(time.Hour)
		w.count(2)
		w.want(startedAt(w.deployedAt("report").Add(3*time.Hour), "report.2"), startedOnce)
		w.deploy("report", row("end", `<endEvent id="end"/>`), "")
		w.settle()
		w.pass(24 * time.Hour)
		w.start()
		w.settle()
		w.count(2)
	})
}

// severalStarts draws a process with a start event of each kind, each with a
// path of its own.
func severalStarts() string {
	var b strings.Builder
	for _, s := range [][2]string{
		{"plain", ""},
		{"told", `<messageEventDefinition messageRef="m"/>`},
		{"heard", `<signalEventDefinition signalRef="s"/>`},
		{"tick", `<timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition>`},
	} {
		fmt.Fprintf(&b, `<startEvent id="%[1]s">%[2]s</startEvent><sequenceFlow id="f_%[1]s" sourceRef="%[1]s" targetRef="by_%[1]s"/>
			<scriptTask id="by_%[1]s"><extensionElements><z:script expression="=1" resultVariable="r"/></extensionElements></scriptTask>
			<sequenceFlow id="g_%[1]s" sourceRef="by_%[1]s" targetRef="end"/>`, s[0], s[1])
	}
	return b.String() + `<endEvent id="end"/>`
}

func TestADocumentBeginsAtTheStartEventThatStartedIt(t *testing.T) {
	everywhere(t, func(w *world) {
		w.deploy("many", severalStarts(), paid+closed)
		stop := w.start()
		w.settle()
		w.submit("many", "mine", `{}`)
		w.tell(events.Notice{ID: "m1", Name: "paid", Data: []byte(`{"n":1}`)})
		w.tell(events.Notice{ID: "s1", Name: "closed", Signal: true})
		w.settle()
		w.pass(time.Hour)
		check := func() {
			w.want("mine", "document.submitted by_plain.completed document.completed")
			w.want("by-m1", "document.submitted by_told.completed document.completed")
			w.want("by-s1-many", "document.submitted by_heard.completed document.completed")
			w.want(startedAt(w.deployedAt("many").Add(time.Hour), "many.1"), "document.submitted by_tick.completed document.completed")
		}
		check()
		stop()
		w.start() // reads all of it again
		w.settle()
		check()
	})
}
