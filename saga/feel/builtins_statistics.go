package feel

import (
	"slices"

	"github.com/cockroachdb/apd/v3"
)

func statisticsBuiltin(name string) *builtin {
	switch name {
	case "min":
		return overList(name, extreme(-1))
	case "max":
		return overList(name, extreme(1))
	case "sum":
		return overList(name, sum)
	case "product":
		return overList(name, product)
	case "mean":
		return overList(name, mean)
	case "median":
		return overList(name, median)
	case "stddev":
		return overList(name, stddev)
	case "mode":
		return overList(name, mode)
	}
	return nil
}

// overList defines a function that takes a list or its elements.
func overList(name string, fn builtinFunc) *builtin {
	return define(name, with("list:l", fn), with("...list:*", rest(fn)))
}

// extreme returns the least (sign -1) or greatest (sign 1) element.
func extreme(sign int) builtinFunc {
	return func(ev *evaluator, pos int, a []Value) Value {
		var best Value
		for _, item := range a[0].(List) {
			if !ev.spend(1) {
				return Null{}
			}
			if best == nil {
				best = item
			}
			c, ok := order(item, best)
			if !ok {
				return ev.warn(pos, "min, max: the elements have no order")
			}
			if c*sign > 0 {
				best = item
			}
		}
		return orNull(best)
	}
}

// numbersOf returns a list of numbers; ok is false if it is none, or empty.
func (ev *evaluator) numbersOf(pos int, v Value) (numbers []Number, ok bool) {
	list := v.(List)
	if !ev.fits(len(list)) {
		return nil, false
	}
	numbers = make([]Number, len(list))
	for i, item := range list {
		if numbers[i], ok = item.(Number); !ok {
			ev.warn(pos, "an element is %v, not a number", orNull(item).Kind())
			return nil, false
		}
	}
	return numbers, len(numbers) > 0
}

func reduce(numbers []Number, op func(x, y Number) (Number, bool)) (Number, bool) {
	result := numbers[0]
	for _, n := range numbers[1:] {
		var ok bool
		if result, ok = op(result, n); !ok {
			return Number{}, false
		}
	}
	return result, true
}

// sum adds numbers, or durations of one kind.
func sum(ev *evaluator, pos int, a []Value) Value {
	list := a[0].(List)
	if len(list) > 0 {
		switch list[0].Kind() { //nolint:exhaustive // the two that are added otherwise
		case KindDayTimeDuration, KindYearMonthDuration:
			return sumDurations(ev, pos, list)
		}
	}
	numbers, ok := ev.numbersOf(pos, list)
	if !ok {
		return Null{}
	}
	if n, ok := reduce(numbers, add); ok {
		return n
	}
	return ev.warn(pos, "sum is out of range")
}

func sumDurations(ev *evaluator, pos int, list List) Value {
	result := list[0]
	for _, d := range list[1:] {
		if !ev.spend(1) {
			return Null{}
		}
		result = ev.arithmetic(pos, opAdd, result, orNull(d))
	}
	return result
}

func product(ev *evaluator, pos int, a []Value) Value {
	numbers, ok := ev.numbersOf(pos, a[0])
	if !ok {
		return Null{}
	}
	if n, ok := reduce(numbers, mul); ok {
		return n
	}
	return ev.warn(pos, "product is out of range")
}

func average(numbers []Number) (Number, bool) {
	s, ok := reduce(numbers, add)
	if !ok {
		return Number{}, false
	}
	return quo(s, Int(int64(len(numbers))))
}

func mean(ev *evaluator, pos int, a []Value) Value {
	numbers, ok := ev.numbersOf(pos, a[0])
	if !ok {
		return Null{}
	}
	if n, ok := average(numbers); ok {
		return n
	}
	return ev.warn(pos, "mean is out of range")
}

func median(ev *evaluator, pos int, a []Value) Value {
	numbers, ok := ev.numbersOf(pos, a[0])
	if !ok {
		return Null{}
	}
	slices.SortFunc(numbers, Number.Cmp)
	mid := len(numbers) / 2
	if len(numbers)%2 == 1 {
		return numbers[mid]
	}
	n, ok := average(numbers[mid-1 : mid+1])
	if !ok {
		return ev.warn(pos, "median is out of range")
	}
	return n
}

// stddev is the sample standard deviation, rounded once at the end.
func stddev(ev *evaluator, pos int, a []Value) Value {
	numbers, ok := ev.numbersOf(pos, a[0])
	if !ok || len(numbers) < 2 {
		return ev.warn(pos, "stddev: fewer than two numbers")
	}
	if !ev.spend(len(numbers)) {
		return Null{}
	}
	count := apd.New(int64(len(numbers)), 0)
	ed := apd.MakeErrDecimal(guarded())
	m, squares := new(apd.Decimal), new(apd.Decimal)
	for _, n := range numbers {
		ed.Add(m, aligned(n.dec(), m), aligned(m, n.dec()))
	}
	ed.Quo(m, m, count)
	for _, n := range numbers {
		d := new(apd.Decimal)
		ed.Sub(d, aligned(m, n.dec()), aligned(n.dec(), m))
		ed.Mul(d, d, d)
		ed.Add(squares, aligned(d, squares), aligned(squares, d))
	}
	ed.Quo(squares, squares, apd.New(int64(len(numbers)-1), 0))
	ed.Sqrt(squares, squares)
	if n, ok := rounded(squares, ed.Err()); ok {
		return n
	}
	return ev.warn(pos, "stddev is out of range")
}

// mode lists the most frequent numbers in ascending order.
func mode(ev *evaluator, pos int, a []Value) Value {
	if len(a[0].(List)) == 0 {
		return List{}
	}
	numbers, ok := ev.numbersOf(pos, a[0])
	if !ok {
		return Null{}
	}
	slices.SortFunc(numbers, Number.Cmp)
	result, most := List{}, 0
	for i := 0; i < len(numbers); {
		end := i
		for end < len(numbers) && numbers[end].Cmp(numbers[i]) == 0 {
			end++
		}
		if end-i > most {
			result, most = List{}, end-i
		}
		if end-i == most {
			result = append(result, numbers[i])
		}
		i = end
	}
	return result
}
