package flows_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/coordinator"
	"github.com/docsaga/docsaga/coordinator/tasks"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/memlog"
)

func callOf(process string) string {
	return `<callActivity id="sub"><extensionElements><z:calledElement processId="` + process + `"/></extensionElements></callActivity>`
}

const double = `<startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="twice"/>
	<scriptTask id="twice"><extensionElements><z:script expression="=amount * 2" resultVariable="result"/></extensionElements></scriptTask>
	<sequenceFlow id="f2" sourceRef="twice" targetRef="end"/><endEvent id="end"/>`

func TestACallIsADocumentOfItsOwn(t *testing.T) {
	everywhere(t, func(w *world) {
		w.deploy("double", double, "")
		w.deploy("order", row("sub", callOf("double"), "end", `<endEvent id="end"/>`), "")
		w.start()
		w.submit("order", "one", `{"amount":21}`)
		w.settle()
		w.want("one", "document.submitted sub.completed document.completed")
		w.want("one-sub-1", "document.submitted twice.completed document.completed")
		if got, want := w.output("one", "sub"), `{"amount":21,"result":42}`; got != want {
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
		w.deploy("order", row("sub", callOf("wait"), "end", `<endEvent id="end"/>`), "")
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
		w.deploy("order", row("sub", callOf("no")+`
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

// undone is a user task whose undo nobody has to do.
func undone(id string) string {
	return `<userTask id="` + id + `"/><boundaryEvent id="b_` + id + `" attachedToRef="` + id + `"><compensateEventDefinition/></boundaryEvent>
		<task id="u_` + id + `" isForCompensation="true"/><association id="as_` + id + `" sourceRef="b_` + id + `" targetRef="u_` + id + `" associationDirection="One"/>`
}

// complete completes a user task.
func (w *world) complete(id events.DocumentID, step events.StepID) {
	w.Helper()
	w.fill(id, step, "{}")
}

// fill completes a user task with what its form gives.
func (w *world) fill(id events.DocumentID, step events.StepID, output string) {
	w.Helper()
	desk := tasks.New(w.log, w.catalog, &memlog.Claims{})
	if _, err := desk.Complete(w.Context(), tasks.Ref{Document: id, Step: step}, tasks.Actor{Name: "ann"}, tasks.Form{Output: []byte(output)}); err != nil {
		w.Fatal(err)
	}
	w.settle()
}

func (w *world) cancel(id events.DocumentID) {
	w.Helper()
	s, err := w.log.Submission(w.Context(), id)
	if err != nil {
		w.Fatal(err)
	}
	if _, err := w.log.Write(w.Context(), events.Event{Slot: s.Slot.Of(events.Cancel), Source: "/test", Worker: "c", Time: time.Now()}); err != nil {
		w.Fatal(err)
	}
	w.settle()
}

func TestUndoingACallUndoesWhatItDidInReverse(t *testing.T) {
	everywhere(t, func(w *world) {
		w.deploy("inner", row("x", undone("x"), "y", undone("y"), "end", `<endEvent id="end"/>`), "")
		w.deploy("outer", row("a", undone("a"), "sub", callOf("inner"), "b", undone("b"), "later", `<userTask id="later"/>`, "end", `<endEvent id="end"/>`), "")
		w.start()
		w.submit("outer", "one", `{}`)
		w.settle()
		w.complete("one", "a")
		w.complete("one-sub-1", "x")
		w.complete("one-sub-1", "y")
		w.complete("one", "b")
		w.want("one-sub-1", "document.submitted x.completed y.completed") // it ends with its caller
		w.want("one", "document.submitted a.completed sub.completed b.completed")
		w.cancel("one")
		w.want("one-sub-1", "document.submitted x.completed y.completed document.cancel y.undo y.undone x.undo x.undone document.cancelled")
		w.want("one", "document.submitted a.completed sub.completed b.completed document.cancel later.cancelled "+
			"b.undo b.undone sub.undo sub.undone a.undo a.undone document.cancelled")
	})
}

func TestACallThatIsPartlyDoneIsUndone(t *testing.T) {
	everywhere(t, func(w *world) {
		w.deploy("inner", row("x", undone("x"), "y", undone("y"), "end", `<endEvent id="end"/>`), "")
		w.deploy("outer", row("a", undone("a"), "sub", callOf("inner"), "end", `<endEvent id="end"/>`), "")
		stop := w.start()
		w.submit("outer", "one", `{}`)
		w.settle()
		w.complete("one", "a")
		w.complete("one-sub-1", "x")
		stop()
		w.cancel("one")
		w.start()
		w.settle()
		w.want("one-sub-1", "document.submitted x.completed document.cancel y.cancelled y.undo y.undone x.undo x.undone document.cancelled")
		w.want("one", "document.submitted a.completed document.cancel sub.cancelled sub.undo sub.undone a.undo a.undone document.cancelled")
	})
}

func TestACallOfACallIsUndone(t *testing.T) {
	inMemory(t, func(w *world) {
		w.deploy("inner", row("x", undone("x"), "end", `<endEvent id="end"/>`), "")
		w.deploy("middle", row("sub", callOf("inner"), "end", `<endEvent id="end"/>`), "")
		w.deploy("outer", row("sub", callOf("middle"), "later", `<userTask id="later"/>`, "end", `<endEvent id="end"/>`), "")
		w.start()
		w.submit("outer", "one", `{}`)
		w.settle()
		w.complete("one-sub-1-sub-1", "x")
		w.cancel("one")
		w.want("one-sub-1-sub-1", "document.submitted x.completed document.cancel x.undo x.undone document.cancelled")
		w.want("one-sub-1", "document.submitted sub.completed document.cancel sub.undo sub.undone document.cancelled")
		w.want("one", "document.submitted sub.completed document.cancel later.cancelled sub.undo sub.undone document.cancelled")
	})
}

func TestCalledDocumentsEndThoughNobodyLookedWhenTheirCallerDid(t *testing.T) {
	everywhere(t, func(w *world) {
		w.deploy("double", double, "")
		w.deploy("order", row("sub", callOf("double"), "later", `<userTask id="later"/>`, "end", `<endEvent id="end"/>`), "")
		stop := w.start()
		w.submit("order", "one", `{"amount":21}`)
		w.settle()
		stop()
		w.complete("one", "later")
		s, err := w.log.Submission(w.Context(), "one")
		if err != nil {
			w.Fatal(err)
		}
		e := events.Event{Slot: s.Slot.Of(events.Ended), Result: events.Completed, Source: "/test", Worker: "e", Time: time.Now()}
		if _, err := w.log.Write(w.Context(), e); err != nil {
			w.Fatal(err)
		}
		w.start()
		w.settle()
		w.want("one-sub-1", "document.submitted twice.completed document.completed")
	})
}

func TestACallOfNothingFails(t *testing.T) {
	everywhere(t, func(w *world) {
		w.deploy("order", row("sub", callOf("nobody"), "end", `<endEvent id="end"/>`), "")
		w.start()
		w.submit("order", "one", `{}`)
		w.settle()
		w.want("one", "document.submitted sub.failed sub.undo sub.undone document.failed")
	})
}

func TestCallsOfThemselvesEnd(t *testing.T) {
	inMemory(t, func(w *world) {
		w.deploy("self", row("sub", callOf("self"), "end", `<endEvent id="end"/>`), "")
		w.start()
		w.submit("self", "one", `{}`)
		<-time.After(time.Minute)
		w.settle()
		w.want("one", "document.submitted sub.failed sub.undo sub.undone document.failed")
	})
}

func TestACancelledCallIsCancelled(t *testing.T) {
	everywhere(t, func(w *world) {
		w.deploy("wait", waitForPaid(), paid)
		w.deploy("order", row("sub", callOf("wait"), "end", `<endEvent id="end"/>`), "")
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
		w.want("one", "document.submitted document.cancel sub.cancelled sub.undo sub.undone document.cancelled")
		w.want("one-sub-1", "document.submitted document.cancel document.cancelled")
	})
}

func TestACallIsCancelledThoughItsCallerHasEnded(t *testing.T) {
	everywhere(t, func(w *world) {
		w.deploy("wait", waitForPaid(), paid)
		w.deploy("order", row("sub", callOf("wait"), "end", `<endEvent id="end"/>`), "")
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

// forge submits a document to which the process double is done, and whose
// source names the outcome of another's visit.
func (w *world) forge(id events.DocumentID, named events.Slot) {
	w.Helper()
	e := events.Event{
		Slot: events.DocumentSlot("double", 1, id, events.Submitted), Source: coordinator.CallSource(named, 1),
		Worker: "x", Time: time.Now(), Data: []byte(`{"output":{"amount":21,"approved":true}}`),
	}
	if _, err := w.log.Write(w.Context(), e); err != nil {
		w.Fatal(err)
	}
}

func outcomeOf(id events.DocumentID, step events.StepID) events.Slot {
	return events.Slot{Definition: "order", Version: 1, Document: id, Step: step, Visit: 1, Kind: events.Outcome, Again: 1}
}

func TestASourceThatNamesAnothersStepDecidesNothing(t *testing.T) {
	everywhere(t, func(w *world) {
		w.deploy("double", double, "")
		w.deploy("order", row("approve", `<userTask id="approve"/>`, "sub", callOf("inner"), "end", `<endEvent id="end"/>`), "")
		w.deploy("inner", row("x", `<userTask id="x"/>`, "end", `<endEvent id="end"/>`), "")
		w.start()
		w.submit("order", "one", `{"amount":1}`)
		w.submit("order", "two", `{"amount":1}`)
		w.settle()
		w.complete("two", "approve")
		forged := []events.DocumentID{"forged", "one-approve-1", "nobody-sub-1", "not-of-two"}
		w.forge(forged[0], outcomeOf("one", "approve"))
		w.forge(forged[1], outcomeOf("one", "approve")) // named as if the task called it
		w.forge(forged[2], outcomeOf("nobody", "sub"))  // of a document that is not there
		w.forge(forged[3], outcomeOf("two", "sub"))     // of a call that called another
		w.settle()
		w.want("one", "document.submitted")
		w.want("two", "document.submitted approve.completed")
		for _, id := range forged {
			w.want(id, "document.submitted twice.completed document.completed") // as any that nobody calls
		}
	})
}

func TestSourcesThatNameNobodyHoldUpNoCall(t *testing.T) {
	inMemory(t, func(w *world) {
		w.deploy("double", double, "")
		w.deploy("order", row("sub", callOf("double"), "end", `<endEvent id="end"/>`), "")
		w.start()
		for i := range 100 { // more than there are workers
			nobody := events.DocumentID(fmt.Sprintf("nobody-%d", i))
			w.forge(nobody+"-sub-1", outcomeOf(nobody, "sub"))
			w.forge(nobody+"-x", outcomeOf(nobody, "sub"))
		}
		w.settle()
		w.submit("order", "one", `{"amount":21}`)
		w.settle()
		w.want("one", "document.submitted sub.completed document.completed")
		w.want("nobody-99-sub-1", "document.submitted twice.completed document.completed")
	})
}
