package feel

import "slices"

func listBuiltin(name string) *builtin {
	switch name {
	case "list contains":
		return define(name, with("list:l, element:*", listContains))
	case "count":
		return define(name, with("list:l", func(_ *evaluator, _ int, a []Value) Value { return Int(int64(len(a[0].(List)))) }))
	case "is empty":
		return define(name, with("list:l", func(_ *evaluator, _ int, a []Value) Value { return Bool(len(a[0].(List)) == 0) }))
	case "all":
		return define(name, with("list:l", fold(and, true)), with("...list:*", rest(fold(and, true))))
	case "any":
		return define(name, with("list:l", fold(or, false)), with("...list:*", rest(fold(or, false))))
	case "sublist":
		return define(name, with("list:l, start position|start:n, length?:n", sublist))
	case "append":
		return define(name, with("list:l, ...items:*", func(ev *evaluator, _ int, a []Value) Value {
			return ev.joined(a[0].(List), a[1:])
		}))
	case "concatenate":
		return define(name, with("...lists:l", concatenate))
	case "union":
		return define(name, with("...lists:l", func(ev *evaluator, pos int, a []Value) Value {
			return ev.distinct(concatenate(ev, pos, a))
		}))
	case "distinct values":
		return define(name, with("list:l", func(ev *evaluator, _ int, a []Value) Value { return ev.distinct(a[0]) }))
	case "duplicate values":
		return define(name, with("list:l", duplicates))
	case "insert before":
		return define(name, with("list:l, position:n, newItem:*", insertBefore))
	case "remove":
		return define(name, with("list:l, position:n", remove))
	case "list replace":
		return define(name, with("list:l, position:n, newItem:*", replaceAt), with("list:l, match:f, newItem:*", replaceMatches))
	case "reverse":
		return define(name, with("list:l", reverse))
	case "index of":
		return define(name, with("list:l, match:*", indexOf))
	case "flatten":
		return define(name, with("list:l", func(ev *evaluator, _ int, a []Value) Value {
			list, _ := ev.flatten(List{}, a[0].(List))
			return list
		}))
	case "partition":
		return define(name, with("list:l, size:n", partition))
	case "sort":
		return define(name, with("list:l, precedes:f", sortBy), with("list:l", sortNatural))
	}
	return nil
}

// rest makes a function of one list take its elements as arguments.
func rest(fn builtinFunc) builtinFunc {
	return func(ev *evaluator, pos int, a []Value) Value { return fn(ev, pos, []Value{List(a)}) }
}

// fold combines a list with and or or.
func fold(op func(x, y Value) Value, start Bool) builtinFunc {
	return func(ev *evaluator, _ int, a []Value) Value {
		var result Value = start
		for _, item := range a[0].(List) {
			if !ev.spend(1) {
				return Null{}
			}
			result = op(result, item)
		}
		return result
	}
}

// spendOnBoth counts the work of comparing x with y.
func (ev *evaluator) spendOnBoth(x, y Value) bool { return ev.spend(1) && (isNull(y) || ev.spendOn(x)) }

func listContains(ev *evaluator, _ int, a []Value) Value {
	for _, item := range a[0].(List) {
		if !ev.spendOnBoth(item, a[1]) {
			return Null{}
		}
		if same(item, a[1]) {
			return Bool(true)
		}
	}
	return Bool(false)
}

func sublist(ev *evaluator, pos int, a []Value) Value {
	list := a[0].(List)
	start, length, ok := span(a[1], a[2], len(list))
	if !ok {
		return ev.warn(pos, "sublist: no such position")
	}
	return list[start : start+length : start+length]
}

// joined returns a new list of both.
func (ev *evaluator) joined(x, y List) Value {
	if !ev.fits(len(x) + len(y)) {
		return Null{}
	}
	return slices.Concat(x, y)
}

func concatenate(ev *evaluator, _ int, a []Value) Value {
	list := List{}
	for _, v := range a {
		if !ev.fits(len(list) + len(v.(List))) {
			return Null{}
		}
		list = append(list, v.(List)...)
	}
	return list
}

// distinct drops what equals an earlier element.
func (ev *evaluator) distinct(v Value) Value {
	list, ok := v.(List)
	if !ok {
		return Null{}
	}
	result := List{}
	for _, item := range list {
		found, ok := ev.find(result, item)
		if !ok {
			return Null{}
		}
		if found < 0 {
			result = append(result, item)
		}
	}
	return result
}

// find returns the index of the first element that equals v, or -1; ok is false
// past a limit.
func (ev *evaluator) find(list List, v Value) (i int, ok bool) {
	for i, item := range list {
		if !ev.spendOnBoth(item, v) {
			return 0, false
		}
		if same(item, v) {
			return i, true
		}
	}
	return -1, true
}

// duplicates lists once each what is in the list more than once.
func duplicates(ev *evaluator, _ int, a []Value) Value {
	seen, result := List{}, List{}
	for _, item := range a[0].(List) {
		before, ok := ev.find(seen, item)
		listed, ok2 := ev.find(result, item)
		if !ok || !ok2 {
			return Null{}
		}
		if before < 0 {
			seen = append(seen, item)
		} else if listed < 0 {
			result = append(result, item)
		}
	}
	return result
}

// index turns a position from 1, or from the end if negative, into an index.
func (ev *evaluator) index(pos int, list List, at Value) (int, bool) {
	n, ok := at.(Number)
	i, whole := n.Int64()
	if size := int64(len(list)); ok && whole && i != 0 && -size <= i && i <= size {
		if i < 0 {
			i += size + 1
		}
		return int(i - 1), true
	}
	ev.warn(pos, "a list of %d has no element %v", len(list), at)
	return 0, false
}

func insertBefore(ev *evaluator, pos int, a []Value) Value {
	list := a[0].(List)
	i, ok := ev.index(pos, list, a[1])
	if !ok || !ev.fits(len(list)+1) {
		return Null{}
	}
	return slices.Insert(slices.Clone(list), i, a[2])
}

func remove(ev *evaluator, pos int, a []Value) Value {
	list := a[0].(List)
	i, ok := ev.index(pos, list, a[1])
	if !ok || !ev.fits(len(list)) {
		return Null{}
	}
	return slices.Delete(slices.Clone(list), i, i+1)
}

func replaceAt(ev *evaluator, pos int, a []Value) Value {
	list := a[0].(List)
	i, ok := ev.index(pos, list, a[1])
	if !ok || !ev.fits(len(list)) {
		return Null{}
	}
	list = slices.Clone(list)
	list[i] = a[2]
	return list
}

// replaceMatches replaces where match(item, newItem) is true.
func replaceMatches(ev *evaluator, pos int, a []Value) Value {
	list := slices.Clone(a[0].(List))
	if !ev.fits(len(list)) {
		return Null{}
	}
	for i, item := range list {
		b, ok := ev.callFunction(pos, a[1].(Function), item, a[2]).(Bool)
		if !ok {
			return ev.warn(pos, "list replace: match gave no boolean")
		}
		if b {
			list[i] = a[2]
		}
	}
	return list
}

func reverse(ev *evaluator, _ int, a []Value) Value {
	list := slices.Clone(a[0].(List))
	if !ev.fits(len(list)) {
		return Null{}
	}
	slices.Reverse(list)
	return list
}

func indexOf(ev *evaluator, _ int, a []Value) Value {
	result := List{}
	for i, item := range a[0].(List) {
		if !ev.spendOnBoth(item, a[1]) {
			return Null{}
		}
		if same(item, a[1]) {
			result = append(result, Int(int64(i)+1))
		}
	}
	return result
}

func (ev *evaluator) flatten(into, list List) (List, bool) {
	for _, item := range list {
		if !ev.spend(1) {
			return nil, false
		}
		inner, ok := item.(List)
		if !ok {
			into = append(into, item)
			continue
		}
		if into, ok = ev.flatten(into, inner); !ok {
			return nil, false
		}
	}
	return into, ev.fitsNow(len(into))
}

func partition(ev *evaluator, pos int, a []Value) Value {
	list := a[0].(List)
	size, ok := wholeNumber(a[1])
	if !ok || size < 1 {
		return ev.warn(pos, "partition: size must be at least 1")
	}
	if !ev.fits(len(list)) {
		return Null{}
	}
	result := List{}
	for chunk := range slices.Chunk(list, int(min(size, int64(len(list))+1))) {
		result = append(result, chunk)
	}
	return result
}

// sortBy sorts by a function that says whether its first argument goes before.
func sortBy(ev *evaluator, pos int, a []Value) Value {
	precedes := a[1].(Function)
	return ev.sorted(a[0].(List), func(x, y Value) int {
		if ev.err != nil {
			return 0
		}
		if IsTrue(ev.callFunction(pos, precedes, x, y)) {
			return -1
		}
		return pick(IsTrue(ev.callFunction(pos, precedes, y, x)), 1, 0)
	})
}

func sortNatural(ev *evaluator, pos int, a []Value) Value {
	comparable := true
	result := ev.sorted(a[0].(List), func(x, y Value) int {
		c, ok := order(x, y)
		comparable = comparable && ok && ev.spend(1)
		return c
	})
	if !comparable {
		return ev.warn(pos, "sort: the elements have no order")
	}
	return result
}

func (ev *evaluator) sorted(list List, compare func(x, y Value) int) Value {
	if !ev.fits(len(list)) {
		return Null{}
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, compare)
	return list
}
