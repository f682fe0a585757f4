package feel

import (
	"maps"
	"slices"
)

// Names returns the names that the expression looks up in its scope, sorted, and
// each once: variables that it does not introduce itself, and functions that are
// neither introduced nor built in. Those inside a filter are among them, though they may turn
// out to be keys of the element; "?" and "item" are not.
func (x *Expr) Names() []string {
	w := nameWalker{free: map[string]bool{}}
	w.walk(x.root, nil)
	return slices.Sorted(maps.Keys(w.free))
}

// bound is the names that are introduced around a place.
type bound struct {
	outer *bound
	name  string
}

func (b *bound) has(name string) bool {
	for ; b != nil; b = b.outer {
		if b.name == name {
			return true
		}
	}
	return false
}

type nameWalker struct {
	free  map[string]bool
	input bool // "?" was seen
}

func (w *nameWalker) use(name string, b *bound) {
	if name == "?" {
		w.input = true
		return
	}
	if !b.has(name) {
		w.free[name] = true
	}
}

func (w *nameWalker) walkAll(list []node, b *bound) {
	for _, n := range list {
		w.walk(n, b)
	}
}

func (w *nameWalker) walk(n node, b *bound) {
	switch n := n.(type) {
	case nil, *litNode:
	case *nameNode:
		w.use(n.name, b) // a scope may have a built-in's name, say count
	case *listNode:
		w.walkAll(n.items, b)
	case *contextNode:
		for _, entry := range n.entries {
			b = &bound{b, entry.key}
			w.walk(entry.value, b)
		}
	case *rangeNode:
		w.walk(n.low, b)
		w.walk(n.high, b)
	case *negNode:
		w.walk(n.x, b)
	case *binaryNode:
		w.walk(n.x, b)
		w.walk(n.y, b)
	case *betweenNode:
		w.walkAll([]node{n.x, n.low, n.high}, b)
	case *inNode:
		w.walk(n.x, b)
		w.walkAll(n.tests.tests, b)
	case *testsNode:
		w.walkAll(n.tests, b)
	case *compareTest:
		w.walk(n.y, b)
	case *pathNode:
		w.walk(n.x, b)
	case *filterNode:
		w.walk(n.x, b)
		w.walk(n.filter, &bound{b, "item"})
	default:
		w.walkLong(n, b)
	}
}

func (w *nameWalker) walkLong(n node, b *bound) {
	switch n := n.(type) { //nolint:gochecksumtype // the rest of walk's
	case *callNode:
		if n.builtin == nil {
			w.walk(n.fn, b)
		}
		w.walkAll(n.args, b)
	case *ifNode:
		w.walkAll([]node{n.cond, n.then, n.otherwise}, b)
	case *forNode:
		w.walk(n.body, &bound{w.iterators(n.iterators, b), "partial"})
	case *quantifiedNode:
		w.walk(n.satisfies, w.iterators(n.iterators, b))
	case *functionNode:
		for _, p := range n.params {
			b = &bound{b, p.name}
		}
		w.walk(n.body, b)
	case *instanceNode:
		w.walk(n.x, b)
	}
}

func (w *nameWalker) iterators(its []iteratorClause, b *bound) *bound {
	for _, it := range its {
		w.walk(it.in, b)
		if it.to != nil {
			w.walk(it.to, b)
		}
		b = &bound{b, it.name}
	}
	return b
}

// usesInput says whether "?" stands in n.
func usesInput(n node) bool {
	w := nameWalker{free: map[string]bool{}}
	w.walk(n, nil)
	return w.input
}
