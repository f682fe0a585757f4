package runner_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/memlog"
	"github.com/docsaga/docsaga/saga/catalog"
	"github.com/docsaga/docsaga/services/runner"
)

func TestBranchesThatBringTooMuchTogetherFailTheVisitBehindThem(t *testing.T) {
	play(t, func(s *stage) {
		big := always(`{"n":"` + strings.Repeat("x", events.MaxData*2/3) + `"}`)
		s.host("left", &fake{do: big}, runner.Config{})
		s.host("right", &fake{do: big}, runner.Config{})
		s.host("last", &fake{do: always(`{}`)}, runner.Config{})
		s.submit()
		if e, data := s.outcome(slot("last", events.Outcome)); e.Result != events.Failed || data.Error == nil {
			t.Errorf("last is %v with %.300s, want failed: no event holds its context", e.Result, e.Data)
		}
	})
}

func TestAHandlerThatSaysTooMuchIsFailedAllTheSame(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		want events.Result
		code string
	}{
		"error":     {errors.New(strings.Repeat("x", 2*events.MaxData)), events.Failed, runner.CodeError},
		"rejection": {&runner.Rejection{Code: "no", Message: "no", Output: strings.Repeat("x", events.MaxData)}, events.Rejected, "no"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *stage) {
				s.host("left", &fake{do: func(context.Context, runner.Visit) (any, error) { return nil, tt.err }}, runner.Config{})
				s.submit()
				if e, data := s.outcome(slot("left", events.Outcome)); e.Result != tt.want || data.Error.Code != tt.code {
					t.Errorf("left is %v with %.100s, want %v for %s", e.Result, e.Data, tt.want, tt.code)
				}
			})
		})
	}
}

// foreign stores an event as a program without docsaga's checks might.
func (s *stage) foreign(e events.Event, trace string, data string) {
	s.Helper()
	e.Source = "/foreign"
	header := e.Header()
	if trace != "" {
		header["traceparent"] = []string{trace}
	}
	if !s.log.Put(e.Slot.Subject(), header, []byte(data)) {
		s.Fatalf("%s was taken", e.ID())
	}
}

func TestAnInputThatCannotBeReadFailsTheVisit(t *testing.T) {
	done := func(step events.StepID) events.Event {
		return events.Event{Slot: slot(step, events.Outcome), Result: events.Completed}
	}
	submitted := events.Event{Slot: events.DocumentSlot("flow", 1, "d", events.Submitted)}
	for name, tt := range map[string]struct {
		story func(s *stage)
		at    events.StepID
	}{
		"of a submission": {func(s *stage) { s.foreign(submitted, "", `{"output":`) }, "left"},
		"of a branch": {func(s *stage) {
			s.submit()
			s.foreign(done("left"), "", "n=40")
			s.foreign(done("right"), "", `{"output":{"n":2}}`)
		}, "last"},
		"of a redo": {func(s *stage) {
			s.submit()
			s.failLeft()
			s.foreign(events.Event{Slot: redo()}, "", `[1]`)
		}, "left"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *stage) {
				h := &fake{do: always(`{}`)}
				tt.story(s)
				s.host(string(tt.at), h, runner.Config{})
				at := slot(tt.at, events.Outcome)
				if name == "of a redo" {
					at = redo().Of(events.Outcome)
				}
				e, data := s.outcome(at)
				if calls := h.calls(at.Visit); e.Result != events.Failed || data.Error.Code != runner.CodeInput || calls != 0 {
					t.Errorf("%s is %v with %s after %d calls, want failed for its input without one", tt.at, e.Result, e.Data, calls)
				}
			})
		})
	}
}

func TestAnUndoCommandThatCannotBeReadFails(t *testing.T) {
	play(t, func(s *stage) {
		s.host("left", &fake{do: always(`{}`)}, runner.Config{})
		s.submit()
		s.outcome(slot("left", events.Outcome))
		s.foreign(events.Event{Slot: slot("left", events.Undo)}, "", "please")
		if e, _ := s.outcome(slot("left", events.Undone)); e.Result != events.Failed {
			t.Errorf("undone is %v, want failed: a person must look at it", e.Result)
		}
	})
}

func TestATraceThatNoEventCanCarryEndsThere(t *testing.T) {
	play(t, func(s *stage) {
		s.host("left", &fake{do: always(`{}`)}, runner.Config{})
		s.foreign(events.Event{Slot: events.DocumentSlot("flow", 1, "d", events.Submitted)}, "00-a b", `{}`)
		if e, _ := s.outcome(slot("left", events.Outcome)); e.Result != events.Completed || e.Trace != "" {
			t.Errorf("left is %v with trace %q, want completed without one", e.Result, e.Trace)
		}
	})
}

func TestACueThatIsNoEventFailsWhatItAsksFor(t *testing.T) {
	for name, tt := range map[string]struct{ cue, answer events.Slot }{
		"submission": {events.DocumentSlot("flow", 1, "d", events.Submitted), slot("left", events.Outcome)},
		"redo":       {redo(), redo().Of(events.Outcome)},
		"undo":       {slot("left", events.Undo), slot("left", events.Undone)},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *stage) {
				h := &fake{do: always(`{}`)}
				if name == "redo" {
					s.submit()
					s.failLeft()
				}
				s.host("left", h, runner.Config{})
				s.log.Put(tt.cue.Subject(), nil, []byte(`{"output":{"x":1}}`))
				e, _ := s.outcome(tt.answer)
				calls := h.calls(tt.answer.Visit)
				if name == "undo" {
					calls += len(h.undone)
				}
				if e.Result != events.Failed || calls != 0 {
					t.Errorf("%s is %v after %d calls, want failed without one", e.ID(), e.Result, calls)
				}
			})
		})
	}
}

func TestAJoinLooksAtItsOwnDefinitionOnly(t *testing.T) {
	play(t, func(s *stage) {
		if _, err := catalog.Deploy(s.ctx, s.log, []byte(flow+"<!-- another -->")); err != nil {
			t.Fatal(err)
		}
		last := &fake{do: always(`{}`)}
		s.host("last", last, runner.Config{})
		s.submit()
		s.foreign(events.Event{Slot: events.DocumentSlot("flow", 2, "d", events.Submitted)}, "", `{}`)
		other := slot("left", events.Outcome)
		other.Version = 2
		s.write(events.Event{Slot: slot("left", events.Outcome), Result: events.Completed, Data: []byte(`{"output":{"n":40}}`)})
		s.foreign(events.Event{Slot: other, Result: events.Completed}, "", `{"output":{"n":1000}}`)
		s.write(events.Event{Slot: slot("right", events.Outcome), Result: events.Completed, Data: []byte(`{"output":{"n":2}}`)})
		s.outcome(slot("last", events.Outcome))
		if string(last.visits[0].Input) != `{"of":{"sum":42}}` {
			t.Errorf("last got %s, want the sum of its own branches", last.visits[0].Input)
		}
	})
}

// A lagging log tells of nothing but the submission, a few times.
type lagging struct {
	*memlog.Log
	times *int
}

func (l lagging) History(ctx context.Context, d events.DocumentID) ([]events.Event, error) {
	history, err := l.Log.History(ctx, d)
	if *l.times > 0 && len(history) > 1 {
		*l.times--
		history = history[:1]
	}
	return history, err
}

func TestAJoinIsNotDecidedFromAHistoryThatLacksItsCue(t *testing.T) {
	for name, ended := range map[string]bool{"the log is behind": false, "the document was taken out of it": true} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *stage) {
				last, times := &fake{do: always(`{}`)}, 2
				s.submit()
				s.write(events.Event{Slot: slot("left", events.Outcome), Result: events.Completed, Data: []byte(`{"output":{"n":40}}`)})
				s.write(events.Event{Slot: slot("right", events.Outcome), Result: events.Completed, Data: []byte(`{"output":{"n":2}}`)})
				if ended {
					times = 1 << 30
					s.write(events.Event{Slot: events.DocumentSlot("flow", 1, "d", events.Ended), Result: events.Completed})
				}
				r, err := runner.New("last", last, lagging{s.log, &times}, catalog.New(s.log), runner.Config{})
				if err != nil {
					t.Fatal(err)
				}
				go func() { _ = r.Run(s.ctx) }()
				pass(time.Minute)
				if got := last.calls(1); got > 0 == ended {
					t.Errorf("last was called %d times", got)
				}
				if ended && times < 1<<30-2 {
					t.Errorf("the history was read %d times, want once for each cue", 1<<30-times)
				}
			})
		})
	}
}
