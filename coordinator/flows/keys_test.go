package flows_test

import (
	"context"
	"errors"
	"testing"

	"github.com/docsaga/docsaga/coordinator/verbs"
	"github.com/docsaga/docsaga/events"
)

// retry has a person do a step again.
func (w *world) retry(id events.DocumentID, step events.StepID) {
	w.Helper()
	o := verbs.New(together{w.log}, w.catalog)
	if _, err := o.Do(w.Context(), id, verbs.Command{Verb: verbs.Retry, Step: step, By: events.By{Actor: "ann", Reason: "the order is known now"}}); err != nil {
		w.Fatal(err)
	}
}

// together writes nothing together: no verb of these tests does.
type together struct{ sagaLog }

func (together) Tip(context.Context, events.DocumentID) (uint64, error) {
	return 0, errors.ErrUnsupported
}

func (together) WriteTogether(context.Context, uint64, []events.Event) error {
	return errors.ErrUnsupported
}

// beside draws what waits or tells beside a person who finds out the order.
func beside(drawn string) string {
	return row("fork", `<parallelGateway id="fork"/>`) + drawn + `
		<sequenceFlow id="b1" sourceRef="fork" targetRef="it"/><sequenceFlow id="b2" sourceRef="it" targetRef="join"/>
		<userTask id="find"/><sequenceFlow id="b3" sourceRef="fork" targetRef="find"/><sequenceFlow id="b4" sourceRef="find" targetRef="join"/>
		<parallelGateway id="join"/><sequenceFlow id="b5" sourceRef="join" targetRef="end"/><endEvent id="end"/>`
}

func TestAKeyThatIsNotKnownIsAnIncidentThatARetryMends(t *testing.T) {
	for name, first := range map[string]string{"null": `{}`, "a list": `{"order":[1]}`, "a truth": `{"order":true}`} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(w *world) {
				w.deploy("order", beside(`<receiveTask id="it" messageRef="m"/>`), paid)
				w.start()
				w.start()
				w.submit("order", "one", first)
				w.settle()
				w.want("one", "document.submitted it.failed")
				w.retry("one", "it") // too early: it is another incident
				w.settle()
				w.want("one", "document.submitted it.failed it.redo it.failed")
				w.fill("one", "find", `{"order":7}`)
				w.settle()
				w.retry("one", "it")
				w.settle()
				w.tell(events.Notice{ID: "m1", Name: "paid", Key: "7"})
				w.settle()
				w.want("one", "document.submitted it.failed it.redo it.failed find.completed it.redo it.completed document.completed")
			})
		})
	}
}

func TestAKeyThatIsNotKnownWhereAMessageIsToldIsAnIncident(t *testing.T) {
	everywhere(t, func(w *world) {
		w.deploy("payment", beside(`<intermediateThrowEvent id="it"><messageEventDefinition messageRef="m"/></intermediateThrowEvent>`), paid)
		w.deploy("order", waitForPaid(), paid)
		w.start()
		w.submit("order", "one", `{"order":7}`)
		w.submit("payment", "pay", `{}`)
		w.settle()
		w.want("pay", "document.submitted it.failed")
		w.fill("pay", "find", `{"order":7}`)
		w.settle()
		w.retry("pay", "it")
		w.settle()
		w.want("pay", "document.submitted it.failed find.completed it.redo it.completed document.completed")
		w.want("one", toldOnce)
	})
}

func TestABoundaryEventWhoseKeyIsNotKnownDoesNotHoldItsDocument(t *testing.T) {
	inMemory(t, func(w *world) {
		w.deploy("order", row("work", `<userTask id="work"/>
			<boundaryEvent id="note" attachedToRef="work" cancelActivity="false"><messageEventDefinition messageRef="m"/></boundaryEvent>
			<sequenceFlow id="f" sourceRef="note" targetRef="noted"/><endEvent id="noted"/>`, "end", `<endEvent id="end"/>`), paid)
		w.start()
		w.submit("order", "one", `{}`)
		w.submit("order", "two", `{}`)
		w.settle()
		w.want("one", "document.submitted note.failed")
		w.fill("one", "work", `{}`)
		w.settle()
		w.want("one", "document.submitted note.failed work.completed document.completed")
		w.retry("two", "note")
		w.settle()
		w.want("two", "document.submitted note.failed note.redo note.failed")
	})
}
