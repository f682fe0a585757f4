package feel

import "fmt"

func logicBuiltin(name string) *builtin {
	switch name {
	case "not":
		return define(name, with("negand:*", func(_ *evaluator, _ int, a []Value) Value { return not(a[0]) }))
	case "is defined":
		return define(name, with("value:*", func(_ *evaluator, _ int, a []Value) Value { return Bool(!isNull(a[0])) }))
	case "get or else":
		return define(name, with("value:*, default:*", func(_ *evaluator, _ int, a []Value) Value {
			if isNull(a[0]) {
				return a[1]
			}
			return a[0]
		}))
	case "assert":
		return define(name, with("value:*, condition:*, cause?:s", assert))
	case "is":
		return define(name, with("value1:*, value2:*", func(ev *evaluator, _ int, a []Value) Value {
			return Bool(ev.spendOn(a[0]) && identical(a[0], a[1]))
		}))
	}
	return nil
}

// assert fails the evaluation unless its condition is true.
func assert(ev *evaluator, pos int, a []Value) Value {
	if IsTrue(a[1]) {
		return a[0]
	}
	cause := str(a[2])
	if cause == "" {
		cause = "the condition is not fulfilled"
	}
	if ev.err == nil {
		line, column := position(ev.src, pos)
		ev.err = fmt.Errorf("feel: line %d, column %d: %s: %w", line, column, cause, ErrAssert)
	}
	return Null{}
}

// identical is is(): equal, of the same kind, and with the same offset or zone.
func identical(x, y Value) bool {
	switch x := x.(type) {
	case Time:
		y, ok := y.(Time)
		return ok && x.nanos == y.nanos && x.zone.identical(y.zone)
	case DateTime:
		y, ok := y.(DateTime)
		return ok && x.date == y.date && x.nanos == y.nanos && x.zone.identical(y.zone)
	}
	return same(x, y)
}

func (z zone) identical(o zone) bool { return z.text() == o.text() }
