package feel

import "strings"

// Function is a function as a value: a built-in one, or one that an expression
// defines. It can be called only by the evaluation of an expression.
type Function struct {
	f *closure
}

type closure struct {
	params  []parameter
	body    node
	env     *env
	builtin *builtin // instead of the rest
}

// Kind returns KindFunction.
func (Function) Kind() Kind { return KindFunction }

// String returns the parameters, for there is no text of a function.
func (f Function) String() string {
	if f.f == nil {
		return "function()"
	}
	if f.f.builtin != nil {
		return nameText(f.f.builtin.name)
	}
	names := make([]string, len(f.f.params))
	for i, p := range f.f.params {
		names[i] = p.name
	}
	return "function(" + strings.Join(names, ", ") + ")"
}

// call evaluates an invocation. A function of the scope comes before a built-in
// of the same name.
func (ev *evaluator) call(n *callNode, e *env) Value {
	fn, b := ev.callee(n, e)
	if fn == nil && b == nil {
		return Null{}
	}
	args := make([]Value, len(n.args))
	for i, a := range n.args {
		args[i] = ev.eval(a, e)
	}
	if ev.err != nil {
		return Null{}
	}
	if b != nil {
		return ev.callBuiltin(n.pos, b, n.names, args)
	}
	return ev.callClosure(n.pos, fn, n.names, args)
}

func (ev *evaluator) callee(n *callNode, e *env) (*closure, *builtin) {
	if name, ok := n.fn.(*nameNode); ok {
		v, found := ev.lookup(name.name, e)
		if f, is := v.(Function); is && f.f != nil {
			return f.f, f.f.builtin
		}
		if n.builtin != nil {
			return nil, n.builtin
		}
		if !found {
			ev.warn(n.pos, "no function %q", name.name)
			return nil, nil
		}
	}
	v := ev.eval(n.fn, e)
	if f, is := v.(Function); is && f.f != nil {
		return f.f, f.f.builtin
	}
	ev.warn(n.pos, "%v is called as a function", v.Kind())
	return nil, nil
}

// callFunction calls f with these arguments; a built-in function uses it for
// those that it was given.
func (ev *evaluator) callFunction(pos int, f Function, args ...Value) Value {
	switch {
	case f.f == nil || !ev.spend(1):
		return Null{}
	case f.f.builtin != nil:
		return ev.callBuiltin(pos, f.f.builtin, nil, args)
	}
	return ev.callClosure(pos, f.f, nil, args)
}

func (ev *evaluator) callClosure(pos int, f *closure, names []string, args []Value) Value {
	if names == nil && len(args) != len(f.params) {
		return ev.warn(pos, "function of %d parameters is called with %d", len(f.params), len(args))
	}
	if names != nil {
		var ok bool
		if args, ok = byName(f.params, names, args); !ok {
			return ev.warn(pos, "function has no parameters of these names")
		}
	}
	inner := f.env
	for i, p := range f.params {
		v := args[i]
		if p.typ != nil {
			var ok bool
			ev.spendOn(v)
			if v, ok = conform(v, p.typ); !ok {
				return ev.warn(pos, "parameter %q is %v, not %v", p.name, args[i].Kind(), p.typ)
			}
		}
		inner = inner.bind(p.name, v)
	}
	return ev.eval(f.body, inner)
}

// byName puts the arguments into the order of the parameters; those not given
// are null.
func byName(params []parameter, names []string, args []Value) ([]Value, bool) {
	sorted := make([]Value, len(params))
	for i, name := range names {
		at := -1
		for j, p := range params {
			if p.name == name {
				at = j
			}
		}
		if at < 0 || sorted[at] != nil {
			return nil, false
		}
		sorted[at] = args[i]
	}
	for i := range sorted {
		sorted[i] = orNull(sorted[i])
	}
	return sorted, true
}
