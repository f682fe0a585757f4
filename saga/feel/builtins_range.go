package feel

func rangeBuiltin(name string) *builtin {
	switch name {
	case "range":
		return define(name, with("from:s", rangeOfText))
	case "before":
		return allen(name, "a:v, b:v", func(a, b extent) bool { return a.endsBefore(b) })
	case "after":
		return allen(name, "a:v, b:v", func(a, b extent) bool { return b.endsBefore(a) })
	case "meets":
		return allen(name, "range1:r, range2:r", func(a, b extent) bool { return a.meets(b) })
	case "met by":
		return allen(name, "range1:r, range2:r", func(a, b extent) bool { return b.meets(a) })
	case "overlaps":
		return allen(name, "range1:r, range2:r", func(a, b extent) bool { return a.reaches(b) && b.reaches(a) })
	case "overlaps before":
		return allen(name, "range1:r, range2:r", func(a, b extent) bool { return a.overlapsBefore(b) })
	case "overlaps after":
		return allen(name, "range1:r, range2:r", func(a, b extent) bool { return b.overlapsBefore(a) })
	case "finishes":
		return allen(name, "point|range1:v, range|range2:r", func(a, b extent) bool { return a.finishes(b) })
	case "finished by":
		return allen(name, "range|range1:r, point|range2:v", func(a, b extent) bool { return b.finishes(a) })
	case "includes":
		return allen(name, "range|range1:r, point|range2:v", func(a, b extent) bool { return a.includes(b) })
	case "during":
		return allen(name, "point|range1:v, range|range2:r", func(a, b extent) bool { return b.includes(a) })
	case "starts":
		return allen(name, "point|range1:v, range|range2:r", func(a, b extent) bool { return a.starts(b) })
	case "started by":
		return allen(name, "range|range1:r, point|range2:v", func(a, b extent) bool { return b.starts(a) })
	case "coincides":
		return allen(name, "point1|range1:v, point2|range2:v", func(a, b extent) bool { return a.coincides(b) })
	}
	return nil
}

// allen makes one of the functions of DMN 1.5 table 78. A point counts as the
// range that has it as both its ends.
func allen(name, params string, holds func(a, b extent) bool) *builtin {
	return define(name, with(params, func(ev *evaluator, pos int, a []Value) Value {
		x, y := extentOf(a[0]), extentOf(a[1])
		_, low := order(x.Low, y.Low)
		_, high := order(x.High, y.High)
		if !low || !high {
			return ev.warn(pos, "%s: %v and %v cannot be compared", name, a[0].Kind(), a[1].Kind())
		}
		return Bool(holds(x, y))
	}))
}

// extent is a range with both ends, or a point.
type extent struct {
	Range
	point bool
}

func extentOf(v Value) extent {
	if r, ok := v.(Range); ok {
		return extent{r, false}
	}
	return extent{Range{Low: v, High: v}, true}
}

func cmpOf(x, y Value) int {
	c, _ := order(x, y)
	return c
}

// endsBefore says whether all of a is before all of b.
func (a extent) endsBefore(b extent) bool {
	c := cmpOf(a.High, b.Low)
	return c < 0 || c == 0 && (a.HighOpen || b.LowOpen)
}

func (a extent) meets(b extent) bool {
	return cmpOf(a.High, b.Low) == 0 && !a.HighOpen && !b.LowOpen
}

// reaches says whether the end of a is not before the start of b.
func (a extent) reaches(b extent) bool {
	c := cmpOf(a.High, b.Low)
	return c > 0 || c == 0 && !a.HighOpen && !b.LowOpen
}

func (a extent) overlapsBefore(b extent) bool {
	low, high := cmpOf(a.Low, b.Low), cmpOf(a.High, b.High)
	return (low < 0 || low == 0 && !a.LowOpen && b.LowOpen) && a.reaches(b) &&
		(high < 0 || high == 0 && (a.HighOpen || !b.HighOpen))
}

// endsWithin says whether the end of a is not after that of b.
func (a extent) endsWithin(b extent) bool {
	c := cmpOf(a.High, b.High)
	return c < 0 || c == 0 && (a.HighOpen || !b.HighOpen)
}

// startsWithin says whether the start of a is not before that of b.
func (a extent) startsWithin(b extent) bool {
	c := cmpOf(a.Low, b.Low)
	return c > 0 || c == 0 && (a.LowOpen || !b.LowOpen)
}

func (a extent) finishes(b extent) bool {
	return cmpOf(a.High, b.High) == 0 && a.HighOpen == b.HighOpen && a.startsWithin(b)
}

func (a extent) starts(b extent) bool {
	return cmpOf(a.Low, b.Low) == 0 && a.LowOpen == b.LowOpen && a.endsWithin(b)
}

func (a extent) includes(b extent) bool { return b.startsWithin(a) && b.endsWithin(a) }

func (a extent) coincides(b extent) bool {
	return a.point == b.point && cmpOf(a.Low, b.Low) == 0 && cmpOf(a.High, b.High) == 0 &&
		a.LowOpen == b.LowOpen && a.HighOpen == b.HighOpen
}

// rangeOfText is range("[1..5]"): a range literal whose ends are literals.
func rangeOfText(ev *evaluator, pos int, a []Value) Value {
	s := str(a[0])
	if !ev.spend(10 + len(s)) {
		return Null{}
	}
	x, err := Parse(s)
	if err != nil {
		return ev.warn(pos, "range: %v", err)
	}
	r, ok := x.root.(*rangeNode)
	if !ok || !literalEnd(r.low) || !literalEnd(r.high) || r.low == nil && r.high == nil {
		return ev.warn(pos, "range: %.40q is no range of literals", s)
	}
	v, _ := ev.eval(r, nil).(Range)
	if isNull(v.Low) && isNull(v.High) {
		return Null{}
	}
	if !isNull(v.Low) && !isNull(v.High) && cmpOf(v.Low, v.High) > 0 {
		return ev.warn(pos, "range: %.40q ends before it starts", s)
	}
	return v
}

// literalEnd says whether n is a literal, nothing, or a conversion of literals.
func literalEnd(n node) bool {
	switch n := n.(type) {
	case nil, *litNode:
		return true
	case *callNode:
		for _, a := range n.args {
			if !literalEnd(a) {
				return false
			}
		}
		return n.builtin != nil && (temporalBuiltin(n.builtin.name) != nil || n.builtin.name == "duration")
	default:
		return false
	}
}
