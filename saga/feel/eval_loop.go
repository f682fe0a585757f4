package feel

// forLoop evaluates for ... return, with what was returned so far as partial.
func (ev *evaluator) forLoop(n *forNode, e *env) Value {
	result := List{}
	ok := ev.iterate(n.iterators, e, func(inner *env) bool {
		// The capacity is cut so that a later append cannot show in partial.
		v := ev.eval(n.body, inner.bind("partial", result[:len(result):len(result)]))
		result = append(result, v)
		return ev.fitsNow(len(result))
	})
	if !ok && ev.err == nil {
		return ev.warn(n.pos, "for has nothing to go through")
	}
	return result
}

// fitsNow is fits for a list that grows by one.
func (ev *evaluator) fitsNow(n int) bool {
	if n > ev.lim.List {
		return ev.fits(n)
	}
	return ev.err == nil
}

// quantified evaluates some and every as the disjunction and conjunction of
// their tests.
func (ev *evaluator) quantified(n *quantifiedNode, e *env) Value {
	var result Value = Bool(n.every)
	ok := ev.iterate(n.iterators, e, func(inner *env) bool {
		v := ev.eval(n.satisfies, inner)
		if n.every {
			result = and(result, v)
		} else {
			result = or(result, v)
		}
		b, known := result.(Bool)
		return ev.err == nil && (!known || bool(b) == n.every)
	})
	if !ok && ev.err == nil {
		return ev.warn(n.pos, "there is nothing to go through")
	}
	return result
}

// iterate calls each with every combination of the iterators' values, the last
// one changing fastest, until it returns false. It returns false if one of them
// has no values to give.
func (ev *evaluator) iterate(its []iteratorClause, e *env, each func(*env) bool) bool {
	_, ok := ev.iterateFrom(its, e, each)
	return ok
}

func (ev *evaluator) iterateFrom(its []iteratorClause, e *env, each func(*env) bool) (goOn, ok bool) {
	if len(its) == 0 {
		return each(e), true
	}
	values, ok := ev.domain(its[0], e)
	if !ok {
		return false, false
	}
	for _, v := range values {
		if !ev.spend(1) {
			return false, true
		}
		goOn, ok := ev.iterateFrom(its[1:], e.bind(its[0].name, orNull(v)), each)
		if !ok || !goOn {
			return goOn, ok
		}
	}
	return true, true
}

// domain is what an iterator goes through: a list, a range from one value to
// another, up or down, or else the one value.
func (ev *evaluator) domain(it iteratorClause, e *env) (List, bool) {
	in := ev.eval(it.in, e)
	if it.to != nil {
		return ev.sequence(in, ev.eval(it.to, e))
	}
	switch in := in.(type) {
	case List:
		return in, true
	case Null:
		return nil, false
	case Range:
		return ev.rangeDomain(in)
	}
	return List{in}, true
}

// rangeDomain lists a range of whole numbers or dates, without its open ends.
func (ev *evaluator) rangeDomain(r Range) (List, bool) {
	list, ok := ev.sequence(r.Low, r.High)
	if !ok {
		return nil, false
	}
	if r.LowOpen && len(list) > 0 {
		list = list[1:]
	}
	if r.HighOpen && len(list) > 0 && same(list[len(list)-1], r.High) {
		list = list[:len(list)-1]
	}
	return list, true
}

// sequence lists the values from low to high, a whole number or a day apart.
func (ev *evaluator) sequence(low, high Value) (List, bool) {
	switch low := low.(type) {
	case Number:
		if high, is := high.(Number); is {
			return ev.numbers(low, high)
		}
	case Date:
		if high, is := high.(Date); is {
			return ev.days(low, high)
		}
	}
	return nil, false
}

func (ev *evaluator) numbers(low, high Number) (List, bool) {
	a, aok := low.Int64()
	b, bok := high.Int64()
	if !aok || !bok {
		return nil, false
	}
	n, step := b-a, int64(1)
	if n < 0 {
		n, step = -n, -1
	}
	if n < 0 || n >= int64(ev.lim.List) {
		ev.fits(ev.lim.List + 1)
		return nil, false
	}
	if !ev.fits(int(n) + 1) {
		return nil, false
	}
	list := make(List, 0, n+1)
	for i := range n + 1 {
		list = append(list, Int(a+i*step))
	}
	return list, true
}

func (ev *evaluator) days(low, high Date) (List, bool) {
	n, step := high.dayNumber()-low.dayNumber(), int64(1)
	if n < 0 {
		n, step = -n, -1
	}
	if n >= int64(ev.lim.List) || !ev.fits(int(n)+1) {
		ev.fits(ev.lim.List + 1)
		return nil, false
	}
	list := make(List, 0, n+1)
	for i := range n + 1 {
		list = append(list, dateOfDay(low.dayNumber()+i*step))
	}
	return list, true
}
