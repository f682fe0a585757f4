package saga

import (
	"slices"
	"time"

	"github.com/docsaga/docsaga/events"
)

// cannot stands in a route for what cannot be evaluated.
const cannot = -1

// named less the number of a start event stands in a route for that.
const named = -2

// A route is what the expressions of one fold come to: noted as they are
// evaluated or, of an event whose data is erased, given.
type route struct {
	noting bool
	came   events.Route
	begun  bool
	erased bool
	given  events.Route
}

// ask returns what an expression comes to.
func (f *folding) ask(evaluate func() int64) int64 {
	r := &f.route
	if !r.begun {
		r.begun = true
		if f.e.Erased() {
			d, _ := events.ParseData(f.e.Data) // it could be read just now
			r.erased, r.given = true, d.Route
		}
	}
	came := int64(cannot)
	switch {
	case !r.erased:
		came = evaluate()
	case len(r.given) > 0:
		came, r.given = r.given[0], r.given[1:]
	}
	if r.noting {
		r.came = append(r.came, came)
	}
	return came
}

// begins returns the start event at which the document begins: that which its
// submission names, or else that of the definition.
func (f *folding) begins() int {
	s := &f.d.scopes[0]
	d, err := events.ParseData(f.e.Data)
	if err != nil {
		return s.starts[0]
	}
	if d.Erased && (len(d.Route) == 0 || d.Route[0] > named) || !d.Erased && d.Start == "" {
		return s.starts[0] // there was no name
	}
	n := named - int(f.ask(func() int64 {
		if n, ok := f.d.byID[d.Start]; ok {
			return int64(named - n)
		}
		return int64(named - len(f.d.Nodes)) // no node has that
	}))
	if slices.Contains(s.others, n) {
		return n
	}
	if n != s.starts[0] {
		f.s.Anomalies++
	}
	return s.starts[0]
}

// holds reports whether a condition holds; not ok if that cannot be evaluated.
func (f *folding) holds(condition Expression, vars Vars) (holds, ok bool) {
	came := f.ask(func() int64 {
		value, err := condition.Eval(vars)
		switch {
		case err != nil:
			return cannot
		case isTrue(value):
			return 1
		}
		return 0
	})
	return came == 1, came != cannot
}

// goesOff returns when a timer goes off for the n-th time; the zero time if it
// does not any more, and not ok if that cannot be evaluated.
func (f *folding) goesOff(clock Clock, n int) (at time.Time, ok bool) {
	came := f.ask(func() int64 {
		next, err := clock.Next(f.vars(nil), f.e.At, n)
		switch {
		case err != nil:
			return cannot
		case next.IsZero():
			return 0
		}
		return max(next.Add(time.Millisecond-1).UnixMilli(), 0) + 1 // what a visit keeps of it
	})
	if came <= 0 {
		return time.Time{}, came == 0
	}
	return time.UnixMilli(came - 1).UTC(), true
}
