package saga

import (
	"encoding/json"
	"strconv"
)

// nextItem goes on in a loop.
func (f *folding) nextItem(v Visit) {
	at := int(v.parent) - 1
	if at < 0 || f.s.Visit(at).status != Looping {
		return
	}
	loop := f.d.Nodes[v.node].Loop
	count := int(f.s.Visit(at).bits) //nolint:gosec // at most MaxItems
	if loop.Until != nil {
		if ends, ok := f.holds(loop.Until, f.vars(f.counts(at, count, int(v.item)))); ok && ends {
			f.interruptIn(at)
			return
		}
	}
	if loop.Sequential && int(v.item) < count {
		f.beginItem(at, int(v.item)+1)
	}
}

// counts returns the names by which models know how far a loop is.
func (f *folding) counts(loop, count, item int) json.RawMessage {
	done, active := 0, 0
	for i := loop + 1; i < f.s.Visits(); i++ {
		if v := f.s.Visit(i); int(v.parent) == loop+1 && v.item > 0 {
			if v.status == Open {
				active++
			} else {
				done++
			}
		}
	}
	n := strconv.Itoa
	return json.RawMessage(`{"numberOfInstances":` + n(count) + `,"numberOfCompletedInstances":` + n(done) +
		`,"numberOfActiveInstances":` + n(active) + `,"numberOfTerminatedInstances":0,"nrOfInstances":` + n(count) +
		`,"nrOfCompletedInstances":` + n(done) + `,"nrOfActiveInstances":` + n(active) + `,"loopCounter":` + n(item) + `}`)
}

// items returns how many items a loop has.
func (f *folding) items(loop *Loop) (int, bool) {
	count := int(f.ask(func() int64 { //nolint:gosec // bounded below
		if n, ok := countItems(loop, f.vars(nil)); ok {
			return int64(n)
		}
		return cannot
	}))
	return count, count >= 0 && count <= MaxItems
}

func countItems(loop *Loop, vars Vars) (int, bool) {
	count := 0
	if loop.Items == nil {
		value, err := loop.Count.Eval(vars)
		if err != nil || json.Unmarshal(value, &count) != nil {
			return 0, false
		}
	} else {
		list, ok := evalList(loop.Items, vars)
		if !ok {
			return 0, false
		}
		count = len(list)
	}
	return count, count >= 0 && count <= MaxItems
}

func evalList(x Expression, vars Vars) ([]json.RawMessage, bool) {
	value, err := x.Eval(vars)
	if err != nil {
		return nil, false
	}
	var list []json.RawMessage
	if json.Unmarshal(value, &list) != nil || list == nil {
		return nil, false
	}
	return list, true
}
