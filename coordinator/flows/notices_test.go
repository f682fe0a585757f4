package flows_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/coordinator/flows"
	"github.com/docsaga/docsaga/events"
)

// Expiring notices are gone when they are read, if their id says so.
type expiring struct{ flows.Notices }

func (e expiring) Notice(ctx context.Context, id string) (events.Notice, error) {
	if strings.HasPrefix(id, "expired") {
		return events.Notice{}, events.ErrNotFound
	}
	return e.Notices.Notice(ctx, id)
}

func TestWhoWasToBeToldWhatHasExpiredHearsTheNextMessage(t *testing.T) {
	inMemory(t, func(w *world) {
		w.deploy("order", waitForPaid(), paid)
		w.notices = expiring{w.notices}
		w.start()
		w.submit("order", "one", `{"order":"1"}`)
		w.settle()
		w.tell(events.Notice{ID: "expired", Name: "paid", Key: "1"})
		w.settle()
		w.want("one", "document.submitted")
		w.tell(events.Notice{ID: "m1", Name: "paid", Key: "1"})
		w.settle()
		w.want("one", toldOnce)
	})
}

// An unreadable log cannot read some documents for a while.
type unreadable struct{ sagaLog }

func (u unreadable) History(ctx context.Context, id events.DocumentID) ([]events.Event, error) {
	if strings.HasPrefix(string(id), "unreadable") {
		return nil, errors.New("not now")
	}
	return u.sagaLog.History(ctx, id)
}

func TestWhatCannotBeReadKeepsNobodyElseFromItsMessage(t *testing.T) {
	inMemory(t, func(w *world) {
		w.deploy("order", waitForPaid(), paid)
		log := w.log
		w.log = unreadable{log}
		stop := w.start()
		for i := range 100 { // more than there are workers
			w.submit("order", events.DocumentID(fmt.Sprintf("unreadable-%d", i)), `{"order":"0"}`)
		}
		w.settle()
		w.submit("order", "one", `{"order":"1"}`)
		w.tell(events.Notice{ID: "m1", Name: "paid", Key: "1"})
		w.settle()
		w.want("one", toldOnce)
		stop()
		w.log = log
		w.start()
		w.tell(events.Notice{ID: "m0", Name: "paid", Key: "0"})
		w.settle()
		told := 0
		for i := range 100 {
			if w.story(events.DocumentID(fmt.Sprintf("unreadable-%d", i))) == toldOnce {
				told++
			}
		}
		if told != 1 {
			w.Errorf("%d documents were told, want one", told)
		}
	})
}
