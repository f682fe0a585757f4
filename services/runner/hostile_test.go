package runner_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/events"
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
