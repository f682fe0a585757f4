package flows_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/docsaga/docsaga/coordinator/flows"
	"github.com/docsaga/docsaga/events"
)

const closed = `<signal id="s" name="closed"/>`

func waitForClosed() string {
	return row("wait", `<intermediateCatchEvent id="wait"><signalEventDefinition signalRef="s"/></intermediateCatchEvent>`, "end", `<endEvent id="end"/>`)
}

func TestASignalIsToldToAllThatWaitAndToNoneLater(t *testing.T) {
	everywhere(t, func(w *world) {
		w.deploy("shop", waitForClosed(), closed)
		stop := w.start()
		w.submit("shop", "one", `{}`)
		w.submit("shop", "two", `{}`)
		w.settle()
		stop() // a coordinator that was away makes up for it
		w.tell(events.Notice{ID: "s1", Name: "closed", Signal: true, Data: []byte(`{"until":1}`)})
		<-time.After(10 * time.Millisecond)
		w.submit("shop", "late", `{}`)
		w.start()
		w.settle()
		for _, id := range []events.DocumentID{"one", "two"} {
			w.want(id, "document.submitted wait.completed document.completed")
		}
		w.want("late", "document.submitted")
	})
}

func TestASignalIsToldOnceToABoundaryEventThatDoesNotInterrupt(t *testing.T) {
	inMemory(t, func(w *world) {
		w.deploy("shop", row("work", `<userTask id="work"/>
			<boundaryEvent id="note" attachedToRef="work" cancelActivity="false"><signalEventDefinition signalRef="s"/></boundaryEvent>
			<sequenceFlow id="f" sourceRef="note" targetRef="noted"/><endEvent id="noted"/>`, "end", `<endEvent id="end"/>`), closed)
		w.start()
		w.submit("shop", "one", `{}`)
		w.settle()
		w.tell(events.Notice{ID: "s1", Name: "closed", Signal: true})
		w.settle()
		w.want("one", "document.submitted note.completed")
		w.tell(events.Notice{ID: "s2", Name: "closed", Signal: true})
		w.settle()
		w.want("one", "document.submitted note.completed note.completed")
	})
}

func TestAMessageInterruptsWhatItSitsOn(t *testing.T) {
	everywhere(t, func(w *world) {
		w.deploy("order", row("work", `<userTask id="work"/>
			<boundaryEvent id="stop" attachedToRef="work"><messageEventDefinition messageRef="m"/></boundaryEvent>
			<sequenceFlow id="f" sourceRef="stop" targetRef="stopped"/><endEvent id="stopped"/>`, "end", `<endEvent id="end"/>`), paid)
		w.start()
		w.submit("order", "one", `{"order":1}`)
		w.settle()
		w.tell(events.Notice{ID: "m1", Name: "paid", Key: "1"})
		w.settle()
		w.want("one", "document.submitted stop.completed work.cancelled document.completed")
	})
}

func TestAMessageStartsADocument(t *testing.T) {
	everywhere(t, func(w *world) {
		const content = `<startEvent id="start"><messageEventDefinition messageRef="m"/></startEvent>
			<sequenceFlow id="f" sourceRef="start" targetRef="end"/><endEvent id="end"/>`
		w.deploy("began", content, paid)
		stop := w.start()
		w.tell(events.Notice{ID: "m1", Name: "paid", Key: "1", Data: []byte(`{"n":1}`)})
		w.settle()
		w.want("by-m1", "document.submitted document.completed")
		stop()
		w.start()
		w.settle()
		w.want("by-m1", "document.submitted document.completed")
	})
}

func TestASignalStartsADocumentOfEachDefinition(t *testing.T) {
	inMemory(t, func(w *world) {
		for _, name := range []string{"a", "b"} {
			w.deploy(name, `<startEvent id="start"><signalEventDefinition signalRef="s"/></startEvent>
				<sequenceFlow id="f" sourceRef="start" targetRef="end"/><endEvent id="end"/>`, closed)
		}
		w.start()
		w.settle()
		w.tell(events.Notice{ID: "s1", Name: "closed", Signal: true})
		w.settle()
		w.want("by-s1-a", "document.submitted document.completed")
		w.want("by-s1-b", "document.submitted document.completed")
	})
}

func TestADocumentTellsAnother(t *testing.T) {
	everywhere(t, func(w *world) {
		w.deploy("order", waitForPaid(), paid)
		w.deploy("payment", row("tell", `<intermediateThrowEvent id="tell"><extensionElements>
			<z:ioMapping><z:input source="=amount * 2" target="twice"/></z:ioMapping></extensionElements>
			<messageEventDefinition messageRef="m"/></intermediateThrowEvent>`,
			"end", `<endEvent id="end"><signalEventDefinition signalRef="s"/></endEvent>`), paid+closed)
		w.deploy("shop", waitForClosed(), closed)
		w.start()
		w.submit("order", "one", `{"order":"1"}`)
		w.submit("shop", "open", `{}`)
		w.settle()
		w.submit("payment", "pay", `{"order":"1","amount":6}`)
		w.settle()
		w.want("pay", "document.submitted tell.completed end.completed document.completed")
		w.want("one", "document.submitted wait.completed document.completed")
		if got := w.output("one", "wait"); got != `{"twice":12}` {
			w.Errorf("output %s, want what the payment tells", got)
		}
		w.want("open", "document.submitted wait.completed document.completed")
	})
}

func TestTheFirstEventBehindAGatewayWins(t *testing.T) {
	everywhere(t, func(w *world) {
		w.deploy("order", row("gate", `<eventBasedGateway id="gate"/>`)+`
			<sequenceFlow id="g1" sourceRef="gate" targetRef="wait"/><sequenceFlow id="g2" sourceRef="gate" targetRef="closing"/>
			<intermediateCatchEvent id="wait"><messageEventDefinition messageRef="m"/></intermediateCatchEvent>
			<intermediateCatchEvent id="closing"><signalEventDefinition signalRef="s"/></intermediateCatchEvent>
			<sequenceFlow id="g3" sourceRef="wait" targetRef="end"/><sequenceFlow id="g4" sourceRef="closing" targetRef="end"/>
			<endEvent id="end"/>`, paid+closed)
		w.start()
		w.submit("order", "one", `{"order":1}`)
		w.submit("order", "two", `{"order":2}`)
		w.settle()
		w.tell(events.Notice{ID: "m1", Name: "paid", Key: "1"})
		w.settle()
		w.tell(events.Notice{ID: "s1", Name: "closed", Signal: true})
		w.settle()
		w.want("one", "document.submitted wait.completed document.completed")
		w.want("two", "document.submitted closing.completed document.completed")
	})
}

func TestAMessageWhoseClaimantWasStoppedIsToldToTheNext(t *testing.T) {
	inMemory(t, func(w *world) {
		w.deploy("order", waitForPaid(), paid)
		stop := w.start()
		w.submit("order", "one", `{"order":"1"}`)
		w.settle()
		stop()
		n := events.Notice{ID: "m1", Name: "paid", Key: "1"}
		w.tell(n)
		n, err := w.notices.Notice(w.Context(), "m1")
		if err != nil {
			w.Fatal(err)
		}
		s, err := w.log.Submission(w.Context(), "one")
		if err != nil {
			w.Fatal(err)
		}
		slot := s.Slot
		slot.Step, slot.Kind = "wait", events.Outcome
		if _, err := w.notices.Claim(w.Context(), n, 1, slot); err != nil { // and then its coordinator dies
			w.Fatal(err)
		}
		cancel := events.Event{Slot: s.Slot.Of(events.Cancel), Source: "/test", Worker: "c", Time: time.Now()}
		if _, err := w.log.Write(w.Context(), cancel); err != nil {
			w.Fatal(err)
		}
		w.start()
		w.submit("order", "two", `{"order":"1"}`)
		w.settle()
		w.want("one", "document.submitted document.cancel document.cancelled")
		w.want("two", "document.submitted wait.completed document.completed")
	})
}

func TestEachItemOfALoopGetsItsOwnMessage(t *testing.T) {
	everywhere(t, func(w *world) {
		w.deploy("order", row("wait", `<receiveTask id="wait" messageRef="m2"><multiInstanceLoopCharacteristics><extensionElements>
			<z:loopCharacteristics inputCollection="=parts" inputElement="part" outputCollection="got" outputElement="=weight"/>
			</extensionElements></multiInstanceLoopCharacteristics></receiveTask>`, "end", `<endEvent id="end"/>`),
			`<message id="m2" name="arrived"><extensionElements><z:subscription correlationKey="=part"/></extensionElements></message>`)
		w.start()
		w.submit("order", "one", `{"parts":["x","y","z"]}`)
		w.settle()
		for i, part := range []string{"z", "x", "y"} {
			w.tell(events.Notice{ID: "m-" + part, Name: "arrived", Key: part, Data: fmt.Appendf(nil, `{"weight":%d}`, i)})
		}
		w.settle()
		if got, want := w.output("one", "wait"), `{"got":[1,2,0]}`; got != want {
			w.Errorf("the loop put out %s, want %s", got, want)
		}
	})
}

// A rival claims each message for its own slot just before others do.
type rival struct {
	flows.Notices
	slot events.Slot
}

func (r rival) Claim(ctx context.Context, n events.Notice, number int, slot events.Slot) (events.Slot, error) {
	if number == 1 {
		if _, err := r.Notices.Claim(ctx, n, number, r.slot); err != nil {
			return slot, err
		}
	}
	return r.Notices.Claim(ctx, n, number, slot)
}

func TestTheClaimThatStandsDecidesWhomAMessageIsToldTo(t *testing.T) {
	inMemory(t, func(w *world) {
		w.deploy("order", waitForPaid(), paid)
		w.notices = rival{Notices: w.notices, slot: events.Slot{
			Definition: "order", Version: 1, Document: "two", Step: "wait", Visit: 1, Kind: events.Outcome, Again: 1,
		}}
		w.start()
		w.submit("order", "one", `{"order":"1"}`)
		w.settle()
		w.submit("order", "two", `{"order":"1"}`)
		w.settle()
		w.tell(events.Notice{ID: "m1", Name: "paid", Key: "1"})
		w.settle()
		w.want("one", "document.submitted")
		w.want("two", toldOnce)
	})
}
