package feel

import "strings"

// builtin is a function of DMN 1.5 section 10.3.4, or one of Zeebe's.
type builtin struct {
	name  string
	forms []form // the first that the arguments suit is called
}

// form is one way to call a built-in function.
type form struct {
	params []formal
	rest   bool // the last parameter takes any number of arguments
	fn     builtinFunc
}

// builtinFunc is called with as many arguments as the form has parameters, nil
// for optional ones that were not given; for a rest form with what was given.
// pos is where the call stands.
type builtinFunc func(ev *evaluator, pos int, a []Value) Value

// formal is a parameter of a form.
type formal struct {
	name     string
	typ      string // see suits
	optional bool
}

// define makes a built-in of one form or more.
func define(name string, forms ...form) *builtin { return &builtin{name, forms} }

// with makes a form. Its parameters are written "list:l, length?:n"; one that
// begins with "..." takes the rest.
func with(params string, fn builtinFunc) form {
	f := form{fn: fn}
	if params == "" {
		return f
	}
	for p := range strings.SplitSeq(params, ", ") {
		name, typ, _ := strings.Cut(p, ":")
		name, optional := strings.CutSuffix(name, "?")
		name, rest := strings.CutPrefix(name, "...")
		f.rest = f.rest || rest
		f.params = append(f.params, formal{name, typ, optional})
	}
	return f
}

// lookupBuiltin returns the built-in function of that name, or nil.
func lookupBuiltin(name string) *builtin {
	for _, group := range []func(string) *builtin{
		stringBuiltin, listBuiltin, numberBuiltin, statisticsBuiltin, conversionBuiltin,
		temporalBuiltin, contextBuiltin, logicBuiltin, rangeBuiltin,
	} {
		if b := group(name); b != nil {
			return b
		}
	}
	return nil
}

// builtinsWithKeywords lists the names that the parser would not join.
func builtinsWithKeywords() []string {
	return []string{"date and time", "years and months duration", "get or else"}
}

// suits returns v as a parameter of this type takes it, and whether it does. The
// types are s string, n number, b boolean, l list, c context, r range,
// f function, d date, t time, dt date and time, D days and time duration,
// Y years and months duration, v anything but null, and * anything.
func suits(v Value, typ string) (Value, bool) {
	kind := orNull(v).Kind()
	if typ == "*" {
		return orNull(v), true
	}
	if kind == KindNull {
		return nil, false
	}
	want, ok := kindOfType(typ)
	if !ok || kind == want {
		return v, true
	}
	if want == KindList {
		return List{v}, true
	}
	if list, ok := v.(List); ok && len(list) == 1 {
		return suits(list[0], typ)
	}
	if d, ok := v.(Date); ok && want == KindDateTime {
		return d.midnight(), true
	}
	return nil, false
}

func kindOfType(typ string) (Kind, bool) {
	switch typ {
	case "s":
		return KindString, true
	case "n":
		return KindNumber, true
	case "b":
		return KindBool, true
	case "l":
		return KindList, true
	case "c":
		return KindContext, true
	case "r":
		return KindRange, true
	case "f":
		return KindFunction, true
	case "d":
		return KindDate, true
	case "t":
		return KindTime, true
	case "dt":
		return KindDateTime, true
	case "D":
		return KindDayTimeDuration, true
	case "Y":
		return KindYearMonthDuration, true
	}
	return KindNull, false
}

// callBuiltin calls the first form that the arguments suit; first exactly, then
// with conversions.
func (ev *evaluator) callBuiltin(pos int, b *builtin, names []string, args []Value) Value {
	for _, a := range args {
		if s, ok := a.(String); ok && !ev.spend(len(s)/64) {
			return Null{}
		}
	}
	for _, convert := range []bool{false, true} {
		for i := range b.forms {
			f := &b.forms[i]
			given, ok := f.arrange(names, args)
			if !ok {
				continue
			}
			if given, ok = f.conform(given, convert); ok {
				return orNull(f.fn(ev, pos, given))
			}
		}
	}
	if !ev.keep {
		return Null{}
	}
	kinds := make([]string, len(args))
	for i, a := range args {
		kinds[i] = orNull(a).Kind().String()
	}
	return ev.warn(pos, "%s(%s) has no meaning", b.name, strings.Join(kinds, ", "))
}

// arrange puts the arguments into the order of the parameters.
func (f *form) arrange(names []string, args []Value) ([]Value, bool) {
	if f.rest {
		return args, names == nil && len(args) >= len(f.params)-1
	}
	if len(args) > len(f.params) {
		return nil, false
	}
	given := make([]Value, len(f.params))
	if names == nil {
		copy(given, args)
	}
	for i, name := range names {
		at := f.index(name)
		if at < 0 || given[at] != nil {
			return nil, false
		}
		given[at] = args[i]
	}
	for i, p := range f.params {
		if given[i] == nil && !p.optional {
			return nil, false
		}
	}
	return given, true
}

// index finds a parameter. Some have several names, for the specification and
// Zeebe differ; they are written a|b.
func (f *form) index(name string) int {
	for i, p := range f.params {
		for alias := range strings.SplitSeq(p.name, "|") {
			if alias == name {
				return i
			}
		}
	}
	return -1
}

func (f *form) conform(given []Value, convert bool) ([]Value, bool) {
	out := make([]Value, len(given))
	for i, v := range given {
		if v == nil {
			continue
		}
		typ := f.params[min(i, len(f.params)-1)].typ
		c, ok := suits(v, typ)
		if !ok || !convert && typ != "*" && c.Kind() != v.Kind() {
			return nil, false
		}
		out[i] = c
	}
	return out, true
}
