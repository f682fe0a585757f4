package verify_test

import (
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/verify"
)

// projection is that of the story of d as completed tells it, up to its end.
func projection(change func(*verify.Projection)) verify.Projection {
	p := verify.Projection{
		Cursors: map[int]uint64{0: 5}, Statuses: []verify.Status{{Document: "d", State: "completed", Seq: 5}},
		Digest: "same", Folds: []verify.Fold{{By: "TZ=UTC", Digest: "same"}, {By: "GOMAXPROCS=1", Digest: "same"}},
	}
	change(&p)
	return p
}

func TestAProjectionIsComparedWithTheLog(t *testing.T) {
	for name, c := range map[string]struct {
		breaches int
		change   func(*verify.Projection)
	}{
		"it is right":              {0, func(*verify.Projection) {}},
		"it is behind":             {0, func(p *verify.Projection) { p.Cursors[0], p.Statuses[0].Seq, p.Statuses[0].State = 3, 3, "running" }},
		"it has not begun":         {0, func(p *verify.Projection) { p.Cursors[0], p.Statuses = 0, nil }},
		"it lacks a document":      {1, func(p *verify.Projection) { p.Statuses = nil }},
		"it has one too many":      {1, func(p *verify.Projection) { p.Statuses = append(p.Statuses, verify.Status{Document: "ghost"}) }},
		"it missed an event":       {1, func(p *verify.Projection) { p.Statuses[0].Seq = 4 }},
		"it says something else":   {1, func(p *verify.Projection) { p.Statuses[0].State = "rejected" }},
		"it has not heard the end": {1, func(p *verify.Projection) { p.Statuses[0].State = "running" }},
		"it knows the end early":   {1, func(p *verify.Projection) { p.Cursors[0], p.Statuses[0].Seq = 4, 4 }},
		"it is ahead of the log":   {1, func(p *verify.Projection) { p.Cursors[0] = 6 }},
		"it is of another log":     {1, func(p *verify.Projection) { p.Cursors[7] = 1 }},
		"another process differs":  {1, func(p *verify.Projection) { p.Folds[1].Digest = "other" }},
	} {
		r := check(story(completed()...), func(k *verify.Checker) { k.Projected(projection(c.change)) })
		f := r.Findings[7]
		if f.Breaches != c.breaches || len(r.Breaches) != c.breaches || f.Skipped != "" || f.Checked < 3 {
			t.Errorf("%s: breaches %+v, want %d of invariant 8", name, r.Breaches, c.breaches)
		}
	}
}

func TestWhatReadersWereToldIsCompared(t *testing.T) {
	at := func(seq uint64) events.Position { return events.Position{Seq: seq} }
	for name, c := range map[string]struct {
		breaches int
		reading  verify.Reading
	}{
		"what is asked for":          {0, verify.Reading{Document: "d", Asked: at(3), Answered: at(3), State: "running"}},
		"something later":            {0, verify.Reading{Document: "d", Asked: at(3), Answered: at(5), State: "completed"}},
		"its last event before that": {0, verify.Reading{Document: "d", Asked: at(9), Answered: at(5), State: "completed"}},
		"of another shard":           {0, verify.Reading{Document: "d", Asked: events.Position{Shard: 1, Seq: 9}, Answered: at(1), State: "running"}},
		"no such document":           {0, verify.Reading{Document: "other", Asked: at(3)}},
		"something older":            {1, verify.Reading{Document: "d", Asked: at(3), Answered: at(2), State: "running"}},
		"that it is not there":       {1, verify.Reading{Document: "d", Asked: at(1)}},
		"the wrong state":            {1, verify.Reading{Document: "d", Asked: at(5), Answered: at(5), State: "running"}},
		"an end before its time":     {1, verify.Reading{Document: "d", Asked: at(3), Answered: at(3), State: "completed"}},
		"an event of nobody":         {1, verify.Reading{Document: "d", Asked: at(3), Answered: at(6), State: "completed"}},
		"a document that never was":  {1, verify.Reading{Document: "other", Asked: at(3), Answered: at(3), State: "running"}},
	} {
		r := check(story(completed()...), func(k *verify.Checker) { k.Read([]verify.Reading{c.reading}) })
		if f := r.Findings[8]; f.Breaches != c.breaches || len(r.Breaches) != c.breaches || f.Skipped != "" || f.Checked != 1 {
			t.Errorf("a reader is told %s: breaches %+v, want %d of invariant 9", name, r.Breaches, c.breaches)
		}
	}
}

// TestADocumentIsNotHeldUpByPoison has d, which takes four seconds.
func TestADocumentIsNotHeldUpByPoison(t *testing.T) {
	poison := verify.Submission{Document: "bad", Poisoned: true}
	for name, c := range map[string]struct {
		checked, breaches int
		lines             []string
		list              []verify.Submission
	}{
		"in its time":          {1, 0, completed(), []verify.Submission{poison, {Document: "d", Answered: true, Within: 4}}},
		"late":                 {1, 1, completed(), []verify.Submission{poison, {Document: "d", Answered: true, Within: 3.5}}},
		"never":                {1, 1, without(completed(), 4), []verify.Submission{poison, {Document: "d", Answered: true, Within: 100}}},
		"with all the time":    {0, 0, completed(), []verify.Submission{poison, {Document: "d", Answered: true}}},
		"late, without poison": {0, 0, completed(), []verify.Submission{{Document: "d", Answered: true, Within: 1}}},
		"poisoned itself":      {0, 0, completed(), []verify.Submission{{Document: "d", Answered: true, Within: 1, Poisoned: true}}},
	} {
		list := story(c.lines...)
		k := verify.New(verify.Config{Shards: 1, Graph: graph, OpenAfter: time.Unix(0, 0)})
		for i := range list {
			k.Take(&list[i])
		}
		k.Submissions(c.list)
		if f := k.Finish().Findings[9]; f.Checked != c.checked || f.Breaches != c.breaches {
			t.Errorf("d ends %s: %+v, want %d checked and %d breaches", name, f, c.checked, c.breaches)
		}
	}
}

func TestWhatWasNotGivenIsNotChecked(t *testing.T) {
	r := check(story(completed()...), nil)
	for _, number := range []int{1, 4, 8, 9, 10} {
		if f := r.Findings[number-1]; f.Invariant != number || f.Skipped == "" || f.Checked > 0 || f.Breaches > 0 {
			t.Errorf("without records: %+v, want that %d says why it was not checked", f, number)
		}
	}
}
