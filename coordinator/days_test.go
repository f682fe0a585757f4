package coordinator_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/runner"
)

// timed draws the flow abc with a timeout of step b.
func timed(timeout string) []byte {
	return bytes.Replace(flow("a", "b", "c"), []byte(`<z:taskDefinition type="b" retries="3"/>`),
		[]byte(`<z:taskDefinition type="b" retries="3"/><z:taskHeaders><z:header key="timeout" value="`+timeout+`"/></z:taskHeaders>`), 1)
}

func TestADeadlineOfDaysIsKeptThroughRestarts(t *testing.T) {
	const documents = 20
	inBubble(t, timed("P3D"), func(b *bubble) {
		b.poll = time.Minute
		effects := newEffects()
		b.host("a", effects, runner.Config{})
		b.host("c", effects, runner.Config{})
		due := make(map[events.DocumentID]time.Time)
		_, stop := b.coordinate()
		for i := range documents {
			id := events.DocumentID(fmt.Sprintf("d%d", i))
			b.submit(id)
			b.pass(time.Hour)
			_, at := b.result(outcome(id, "a", 1))
			due[id] = at.Add(72 * time.Hour)
			if i%5 == 4 {
				stop()
				b.pass(30 * time.Minute) // nobody decides
				_, stop = b.coordinate()
			}
		}
		b.pass(2 * 24 * time.Hour)
		for id := range due {
			if got, _ := b.result(outcome(id, "b", 1)); got != 0 {
				t.Errorf("%s: b is %v after two days, want it open", id, got)
			}
		}
		stop()
		b.host("b", effects, runner.Config{Timeout: time.Hour}) // too late for those that are decided
		b.pass(10 * 24 * time.Hour)
		for id := range due {
			if got := b.ended(id); got != 0 {
				t.Errorf("%s ended %v, though no coordinator ran", id, got)
			}
		}
		b.coordinate()
		b.pass(time.Minute)
		for id := range due {
			if got := b.ended(id); got != events.Completed {
				t.Errorf("%s ended %v, want completed: b came in time", id, got)
			}
		}
	})
}

func TestATimeoutOfDaysIsWrittenWhenItIsDue(t *testing.T) {
	inBubble(t, timed("P3DT1S"), func(b *bubble) {
		b.poll = time.Minute
		b.host("a", newEffects(), runner.Config{})
		b.host("c", newEffects(), runner.Config{})
		_, stop := b.coordinate()
		b.submit("d")
		b.pass(24 * time.Hour)
		stop()
		b.coordinate()
		b.pass(30 * 24 * time.Hour)
		_, began := b.result(outcome("d", "a", 1))
		got, at := b.result(outcome("d", "b", 1))
		if late := at.Sub(began) - 72*time.Hour - time.Second; got != events.TimedOut || late < 0 || late > time.Minute {
			t.Errorf("b is %v, %v after its deadline; want timed-out within a minute", got, late)
		}
		b.host("b", newEffects(), runner.Config{}) // undoes what it may have done
		b.pass(time.Hour)
		if got := b.ended("d"); got != events.Failed {
			t.Errorf("ended %v, want failed", got)
		}
	})
}

// A deaf service does not return from b before it is released.
type deafService struct {
	*effects
	release chan struct{}
}

func (d deafService) Do(ctx context.Context, v runner.Visit) (any, error) {
	if v.Step == "b" {
		<-d.release
	}
	return d.effects.Do(ctx, v)
}

func TestAStepWhoseHandlerNeverReturnsIsTimedOutAndItsLateEffectUndone(t *testing.T) {
	inBubble(t, timed("PT30S"), func(b *bubble) {
		s := deafService{newEffects(), make(chan struct{})}
		for _, name := range []string{"a", "b", "c"} {
			b.host(name, s, runner.Config{})
		}
		b.coordinate()
		b.submit("d")
		b.pass(2 * time.Minute)
		got, at := b.result(outcome("d", "b", 1))
		_, began := b.result(outcome("d", "a", 1))
		if took := at.Sub(began); got != events.TimedOut || took > 31*time.Second {
			t.Errorf("b is %v after %v, want timed-out after 30 s", got, took)
		}
		if got := b.ended("d"); got != events.Failed {
			t.Errorf("ended %v, want failed: nothing waits for the handler", got)
		}
		close(s.release)
		b.pass(time.Minute)
		if left := s.count("d"); left != 0 {
			t.Errorf("%d effects are left of the handler that came too late, want none", left)
		}
	})
}
