package bench

import (
	"context"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events/natslog"
)

func TestEveryPipelineTakesEachDocumentThroughEachStep(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	setup := Setup{Documents: 40, Steps: 3, Open: 10, Shards: 2, Durability: natslog.Relaxed, Coordinator: true, Projections: true}
	for name, events := range map[string]uint64{Docsaga: 5, Bare: 4, Batched: 4} {
		r, err := Run(ctx, name, setup)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r.Events != events*40 {
			t.Errorf("%s stored %d events, want %d for each of 40 documents", name, r.Events, events)
		}
		if r.PerSecond <= 0 || r.CPU <= 0 || r.P50 <= 0 || r.P50 > r.P99 || r.P99 > r.Max {
			t.Errorf("%s: figures %+v", name, r)
		}
	}
}

func TestARoundCanBeginWithAFullLogAndEndsWithARestart(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := Run(ctx, Docsaga, Setup{Documents: 10, Before: 30, Durability: natslog.Relaxed, Coordinator: true, Projections: true})
	if err != nil {
		t.Fatal(err)
	}
	if r.Before != 30 || r.Events != 70 || r.Restart <= 0 {
		t.Errorf("%+v: want 70 events on top of those of 30 documents, and a restart", r)
	}
}

func TestARateIsKept(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := Run(ctx, Docsaga, Setup{Documents: 50, Rate: 200, Durability: natslog.Relaxed})
	if err != nil {
		t.Fatal(err)
	}
	if r.PerSecond > 210 || r.Events != 300 {
		t.Errorf("%.0f documents a second and %d events, want at most 200 and 300", r.PerSecond, r.Events)
	}
}

func TestWhatCannotBeMeasuredIsRefused(t *testing.T) {
	for name, setup := range map[string]Setup{
		"no documents": {}, "two servers": {Documents: 1, Replicas: 2}, "a negative rate": {Documents: 1, Rate: -1}, "less than nothing before": {Documents: 1, Before: -1},
	} {
		if _, err := Run(t.Context(), Docsaga, setup); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := Run(t.Context(), "other", Setup{Documents: 1, Durability: natslog.Relaxed}); err == nil {
		t.Error("an unknown pipeline: no error")
	}
}

func TestTheMedianIsOfEachFigureAndTheRatioOfEachRound(t *testing.T) {
	var c Comparison
	for _, perSecond := range [][2]float64{{100, 200}, {90, 100}, {300, 400}} {
		c.Rounds = append(c.Rounds, []Result{{PerSecond: perSecond[0]}, {PerSecond: perSecond[1]}})
	}
	c.summarize([]string{Docsaga, Bare})
	if c.Median[0].PerSecond != 100 || c.Median[1].PerSecond != 200 || c.Ratio != 0.75 || c.Least != 0.5 || c.Most != 0.9 {
		t.Errorf("got %+v", c)
	}
	if m := median([]float64{4, 1, 3, 2}); m != 2.5 {
		t.Errorf("median of 1 to 4 is %v, want 2.5", m)
	}
}

func TestADocumentsNumberIsReadBack(t *testing.T) {
	for _, n := range []int{0, 7, 1_000_000} {
		if id := documentID(n); documentNumber(id) != n || len(id) != 26 {
			t.Errorf("%d became %s", n, id)
		}
	}
	if documentNumber("other") != -1 {
		t.Error("a foreign id has a number")
	}
}
