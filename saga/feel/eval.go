package feel

import (
	"fmt"
	"time"
)

// Limits bounds an evaluation and gives it the time. The zero Limits is a good
// one: a million steps, depth 1,000, lists of 100,000, strings of 1 MiB, and
// now() and today() null.
type Limits struct {
	Steps  int       // parts evaluated and elements touched
	Depth  int       // evaluations within evaluations
	List   int       // elements of a list or context
	String int       // bytes of a string
	Now    time.Time // what now() and today() return, in its zone; zero: null
}

func (l Limits) withDefaults() Limits {
	orDefault := func(n *int, d int) {
		if *n <= 0 {
			*n = d
		}
	}
	orDefault(&l.Steps, 1_000_000)
	orDefault(&l.Depth, 1_000)
	orDefault(&l.List, 100_000)
	orDefault(&l.String, 1<<20)
	return l
}

// maxWarnings is how many warnings one evaluation keeps.
const maxWarnings = 50

// Eval returns the value of the expression, with its free names looked up in
// scope, which may be nil. Its error is [ErrLimit] or [ErrAssert], wrapped;
// everything else that goes wrong makes a null, as DMN wants.
func (x *Expr) Eval(scope Scope, limits Limits) (Value, error) {
	ev := evaluator{src: x.src, lim: limits.withDefaults(), scope: scope}
	return ev.run(x.root)
}

// Explain is [Expr.Eval] that also returns why there were nulls: the first 50
// warnings.
func (x *Expr) Explain(scope Scope, limits Limits) (Value, []Warning, error) {
	ev := evaluator{src: x.src, lim: limits.withDefaults(), scope: scope, keep: true}
	v, err := ev.run(x.root)
	return v, ev.warnings, err
}

// Source returns the text that was parsed.
func (x *Expr) Source() string { return x.src }

// evaluator is one evaluation.
type evaluator struct {
	src      string
	lim      Limits
	scope    Scope
	steps    int
	depth    int
	keep     bool // warnings
	warnings []Warning
	err      error // set once; everything then returns null quickly
}

// env is what an expression's own parts have introduced, innermost first.
type env struct {
	outer *env
	name  string // of value, or empty
	value Value
	ctx   Scope // whose keys are names, or nil
}

func (e *env) bind(name string, v Value) *env { return &env{outer: e, name: name, value: v} }

func (e *env) open(ctx Scope) *env { return &env{outer: e, ctx: ctx} }

func (ev *evaluator) run(root node) (Value, error) {
	v := ev.eval(root, nil)
	if ev.err != nil {
		return Null{}, ev.err
	}
	return v, nil
}

// spend counts work, and says whether the evaluation may go on.
func (ev *evaluator) spend(n int) bool {
	if ev.err != nil {
		return false
	}
	if ev.steps += n; ev.steps > ev.lim.Steps || ev.steps < 0 {
		ev.err = fmt.Errorf("feel: evaluation of %.60q: more than %d steps: %w", ev.src, ev.lim.Steps, ErrLimit)
		return false
	}
	return true
}

// fits says whether a list or context may have n elements, and counts the work
// of making it.
func (ev *evaluator) fits(n int) bool {
	if n > ev.lim.List && ev.err == nil {
		ev.err = fmt.Errorf("feel: evaluation of %.60q: list of more than %d elements: %w", ev.src, ev.lim.List, ErrLimit)
	}
	return ev.spend(n)
}

// fitsString is fits for a string of n bytes.
func (ev *evaluator) fitsString(n int) bool {
	if n > ev.lim.String && ev.err == nil {
		ev.err = fmt.Errorf("feel: evaluation of %.60q: string of more than %d bytes: %w", ev.src, ev.lim.String, ErrLimit)
	}
	return ev.spend(n / 32)
}

// warn notes why there is a null, and returns it.
func (ev *evaluator) warn(pos int, format string, args ...any) Value {
	if ev.keep && len(ev.warnings) < maxWarnings && ev.err == nil {
		line, column := position(ev.src, pos)
		ev.warnings = append(ev.warnings, Warning{line, column, fmt.Sprintf(format, args...)})
	}
	return Null{}
}

func (ev *evaluator) eval(n node, e *env) Value {
	if !ev.spend(1) {
		return Null{}
	}
	if ev.depth++; ev.depth > ev.lim.Depth {
		ev.err = fmt.Errorf("feel: evaluation of %.60q: deeper than %d: %w", ev.src, ev.lim.Depth, ErrLimit)
		return Null{}
	}
	v := ev.dispatch(n, e)
	ev.depth--
	return v
}

func (ev *evaluator) dispatch(n node, e *env) Value {
	switch n := n.(type) {
	case *litNode:
		return n.v
	case *nameNode:
		return ev.name(n, e)
	case *binaryNode:
		return ev.binary(n, e)
	case *pathNode:
		return ev.path(n, e)
	case *negNode:
		return ev.negate(n.pos, ev.eval(n.x, e))
	case *listNode:
		return ev.list(n, e)
	case *contextNode:
		return ev.context(n, e)
	case *rangeNode:
		return ev.rangeOf(n, e)
	case *betweenNode:
		return ev.between(n, e)
	case *inNode:
		return ev.testsOf(n.tests, e, ev.eval(n.x, e))
	case *testsNode:
		input, _ := ev.lookup("?", e)
		return ev.testsOf(n, e, orNull(input))
	case *compareTest:
		input, _ := ev.lookup("?", e)
		return ev.compare(n.pos, n.op, orNull(input), ev.eval(n.y, e))
	case *filterNode:
		return ev.filter(n, e)
	case *callNode:
		return ev.call(n, e)
	default:
		return ev.dispatchLong(n, e)
	}
}

// dispatchLong evaluates what is made of words.
func (ev *evaluator) dispatchLong(n node, e *env) Value {
	switch n := n.(type) { //nolint:gochecksumtype // the rest of dispatch's
	case *ifNode:
		if IsTrue(ev.eval(n.cond, e)) {
			return ev.eval(n.then, e)
		}
		return ev.eval(n.otherwise, e)
	case *forNode:
		return ev.forLoop(n, e)
	case *quantifiedNode:
		return ev.quantified(n, e)
	case *functionNode:
		return Function{&closure{params: n.params, body: n.body, env: e}}
	case *instanceNode:
		x := ev.eval(n.x, e)
		return Bool(ev.spendOn(x) && instanceOf(x, n.typ))
	}
	return Null{}
}

func (ev *evaluator) lookup(name string, e *env) (Value, bool) {
	for ; e != nil; e = e.outer {
		if e.ctx != nil {
			if v, ok := e.ctx.Lookup(name); ok {
				return orNull(v), true
			}
			continue
		}
		if e.name == name {
			return e.value, true
		}
	}
	if ev.scope != nil {
		if v, ok := ev.scope.Lookup(name); ok {
			return orNull(v), true
		}
	}
	return nil, false
}

func (ev *evaluator) name(n *nameNode, e *env) Value {
	if v, ok := ev.lookup(n.name, e); ok {
		return v
	}
	if b := lookupBuiltin(n.name); b != nil {
		return Function{&closure{builtin: b}}
	}
	if !ev.keep {
		return Null{}
	}
	return ev.warn(n.pos, "no variable %q", n.name)
}

func (ev *evaluator) list(n *listNode, e *env) Value {
	if !ev.fits(len(n.items)) {
		return Null{}
	}
	list := make(List, len(n.items))
	for i, item := range n.items {
		list[i] = ev.eval(item, e)
	}
	return list
}

// context evaluates the entries in order; each may use those before it, and
// a function itself too.
func (ev *evaluator) context(n *contextNode, e *env) Value {
	data := &contextData{entries: make([]Entry, 0, len(n.entries))}
	inner := e.open(Context{data})
	for _, entry := range n.entries {
		data.put(entry.key, ev.eval(entry.value, inner))
	}
	return Context{data}
}

func (ev *evaluator) rangeOf(n *rangeNode, e *env) Value {
	r := Range{LowOpen: n.lowOpen, HighOpen: n.highOpen}
	if n.low != nil {
		r.Low = ev.eval(n.low, e)
	}
	if n.high != nil {
		r.High = ev.eval(n.high, e)
	}
	return ev.validRange(n.pos, r)
}

// validRange refuses a range whose ends cannot be compared or lie wrong.
func (ev *evaluator) validRange(pos int, r Range) Value {
	if r.Low != nil && !ordered(r.Low) || r.High != nil && !ordered(r.High) {
		return ev.warn(pos, "an end of a range is no number, string, date, time or duration")
	}
	if r.Low == nil || r.High == nil {
		return r
	}
	if _, ok := order(r.Low, r.High); !ok {
		return ev.warn(pos, "the ends of a range are %v and %v", r.Low.Kind(), r.High.Kind())
	}
	return r
}

// ordered says whether values of v's kind have an order.
func ordered(v Value) bool {
	switch orNull(v).Kind() {
	case KindNumber, KindString, KindDate, KindTime, KindDateTime, KindDayTimeDuration, KindYearMonthDuration:
		return true
	case KindNull, KindBool, KindList, KindContext, KindRange, KindFunction:
	}
	return false
}
