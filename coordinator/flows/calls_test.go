package flows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/coordinator"
	"github.com/docsaga/docsaga/events"
)

func callOf(id, process string) string {
	return `<callActivity id="` + id + `"><extensionElements><z:calledElement processId="` + process + `"/></extensionElements></callActivity>`
}

const double = `<startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="twice"/>
	<scriptTask id="twice"><extensionElements><z:script expression="=amount * 2" resultVariable="result"/></extensionElements></scriptTask>
	<sequenceFlow id="f2" sourceRef="twice" targetRef="end"/><endEvent id="end"/>`

func TestACallIsADocumentOfItsOwn(t *testing.T) {
	everywhere(t, func(w *world) {
		w.deploy("double", double, "")
		w.deploy("order", row("sub", callOf("sub", "double"), "end", `<endEvent id="end"/>`), "")
		w.start()
		w.submit("order", "one", `{"amount":21}`)
		w.settle()
		w.want("one", "document.submitted sub.completed document.completed")
		w.want("one-sub-1", "document.submitted twice.completed document.completed")
		if got, want := w.output("one", "sub", 1), `{"amount":21,"result":42}`; got != want {
			w.Errorf("the call put out %s, want %s", got, want)
		}
		s, err := w.log.Submission(w.Context(), "one-sub-1")
		if err != nil || !strings.HasPrefix(s.Source, coordinator.SourceCalls+"1/docsaga.") || !strings.HasSuffix(s.Source, ".one.sub.1.outcome") {
			w.Errorf("the called document comes from %s (error %v), want its caller", s.Source, err)
		}
	})
}

func TestACallGoesOnWhereItWasWhenACoordinatorComesBack(t *testing.T) {
	everywhere(t, func(w *world) {
		w.deploy("wait", waitForPaid(), paid)
		w.deploy("order", row("sub", callOf("sub", "wait"), "end", `<endEvent id="end"/>`), "")
		stop := w.start()
		w.submit("order", "one", `{"order":"1"}`)
		w.settle()
		w.want("one-sub-1", "document.submitted")
		stop()
		w.tell(events.Notice{ID: "m1", Name: "paid", Key: "1"})
		w.start()
		w.settle()
		w.want("one-sub-1", "document.submitted wait.completed document.completed")
		w.want("one", "document.submitted sub.completed document.completed")
	})
}

func TestACallThatIsRejectedRejects(t *testing.T) {
	everywhere(t, func(w *world) {
		w.deploy("no", row("end", `<endEvent id="end"><errorEventDefinition errorRef="e"/></endEvent>`), `<error id="e" errorCode="too-bad"/>`)
		w.deploy("order", row("sub", callOf("sub", "no")+`
			<boundaryEvent id="oops" attachedToRef="sub"><errorEventDefinition errorRef="e"/></boundaryEvent>
			<sequenceFlow id="g" sourceRef="oops" targetRef="other"/><endEvent id="other"/>`, "end", `<endEvent id="end"/>`),
			`<error id="e" errorCode="too-bad"/>`)
		w.start()
		w.submit("order", "one", `{}`)
		w.settle()
		w.want("one-sub-1", "document.submitted document.rejected")
		w.want("one", "document.submitted sub.rejected document.completed")
	})
}

func TestACallOfNothingFails(t *testing.T) {
	everywhere(t, func(w *world) {
		w.deploy("order", row("sub", callOf("sub", "nobody"), "end", `<endEvent id="end"/>`), "")
		w.start()
		w.submit("order", "one", `{}`)
		w.settle()
		w.want("one", "document.submitted sub.failed document.failed")
	})
}

func TestCallsOfThemselvesEnd(t *testing.T) {
	inMemory(t, func(w *world) {
		w.deploy("self", row("sub", callOf("sub", "self"), "end", `<endEvent id="end"/>`), "")
		w.start()
		w.submit("self", "one", `{}`)
		time.Sleep(time.Minute)
		w.settle()
		w.want("one", "document.submitted sub.failed document.failed")
	})
}

func TestACancelledCallIsCancelled(t *testing.T) {
	everywhere(t, func(w *world) {
		w.deploy("wait", waitForPaid(), paid)
		w.deploy("order", row("sub", callOf("sub", "wait"), "end", `<endEvent id="end"/>`), "")
		w.start()
		w.submit("order", "one", `{"order":"1"}`)
		w.settle()
		s, err := w.log.Submission(w.Context(), "one")
		if err != nil {
			w.Fatal(err)
		}
		cancel := events.Event{Slot: s.Slot.Of(events.Cancel), Source: "/test", Worker: "c", Time: time.Now()}
		if _, err := w.log.Write(w.Context(), cancel); err != nil {
			w.Fatal(err)
		}
		w.settle()
		w.want("one", "document.submitted document.cancel sub.cancelled document.cancelled")
		w.want("one-sub-1", "document.submitted document.cancel document.cancelled")
	})
}

func TestACallIsCancelledThoughItsCallerHasEnded(t *testing.T) {
	everywhere(t, func(w *world) {
		w.deploy("wait", waitForPaid(), paid)
		w.deploy("order", row("sub", callOf("sub", "wait"), "end", `<endEvent id="end"/>`), "")
		stop := w.start()
		w.submit("order", "one", `{"order":"1"}`)
		w.settle()
		stop()
		s, err := w.log.Submission(w.Context(), "one")
		if err != nil {
			w.Fatal(err)
		}
		outcome := s.Slot
		outcome.Step, outcome.Kind = "sub", events.Outcome
		for _, e := range []events.Event{
			{Slot: s.Slot.Of(events.Cancel)}, {Slot: outcome, Result: events.Cancelled}, {Slot: s.Slot.Of(events.Ended), Result: events.Cancelled},
		} {
			e.Source, e.Worker, e.Time = "/test", "c", time.Now()
			if _, err := w.log.Write(w.Context(), e); err != nil {
				w.Fatal(err)
			}
		}
		w.start()
		w.settle()
		w.want("one-sub-1", "document.submitted document.cancel document.cancelled")
	})
}
