package feel

import (
	"strings"
	"unicode/utf8"
)

func conversionBuiltin(name string) *builtin {
	switch name {
	case "string":
		return define(name, with("from:v", toString))
	case "number":
		return define(name, with("from:s", toNumber), with("from:s, grouping separator:*, decimal separator?:*", toNumber),
			with("from:s, decimal separator:*", func(ev *evaluator, pos int, a []Value) Value {
				return toNumber(ev, pos, []Value{a[0], nil, a[1]})
			}), with("from:n", first))
	case "duration":
		return define(name, with("from:s", fromText(func(s string) (Value, bool) {
			v, err := parseDuration(s)
			return v, err == nil
		})), with("from:D", first), with("from:Y", first))
	case "to json":
		return define(name, with("value:*", toJSON))
	case "from json":
		return define(name, with("value:s", fromJSON))
	}
	return nil
}

func first(_ *evaluator, _ int, a []Value) Value { return a[0] }

// fromText makes a function of one string from a parser.
func fromText(parse func(s string) (Value, bool)) builtinFunc {
	return func(ev *evaluator, pos int, a []Value) Value {
		s := str(a[0])
		// Reading a time zone is what costs.
		if !ev.spend(pick(strings.Contains(s, "@"), 100, 1)) {
			return Null{}
		}
		if v, ok := parse(s); ok {
			return v
		}
		return ev.warn(pos, "%.40q is not what it should be", s)
	}
}

func toString(ev *evaluator, _ int, a []Value) Value {
	if !ev.spendOn(a[0]) {
		return Null{}
	}
	s := plainText(a[0])
	if !ev.fitsString(len(s)) {
		return Null{}
	}
	return String(s)
}

// toNumber follows the footnote of DMN 1.5 table 72 on separators.
func toNumber(ev *evaluator, pos int, a []Value) Value {
	s := str(a[0])
	grouping, decimal := "", ""
	if len(a) > 1 {
		var ok bool
		if grouping, ok = separator(a[1], " ,."); !ok {
			return ev.warn(pos, "grouping separator must be space, comma, or period")
		}
		if decimal, ok = separator(a[2], ",."); !ok || decimal != "" && decimal == grouping {
			return ev.warn(pos, "decimal separator must be comma or period, and another than the grouping separator")
		}
	}
	if grouping != "" {
		s = strings.ReplaceAll(s, grouping, "")
	}
	if decimal != "" && decimal != "." {
		if strings.Contains(s, ".") {
			return ev.warn(pos, "%.40q is not a number", str(a[0]))
		}
		s = strings.ReplaceAll(s, decimal, ".")
	}
	n, err := ParseNumber(s)
	if err != nil || strings.HasSuffix(s, ".") || !utf8.ValidString(s) {
		return ev.warn(pos, "%.40q is not a number", str(a[0]))
	}
	return n
}

// separator returns one of the allowed characters, or nothing for null.
func separator(v Value, allowed string) (string, bool) {
	if isNull(v) {
		return "", true
	}
	s, ok := v.(String)
	return string(s), ok && len(s) == 1 && strings.Contains(allowed, string(s))
}

func toJSON(ev *evaluator, pos int, a []Value) Value {
	if !ev.spendOn(a[0]) {
		return Null{}
	}
	b, err := appendJSON(nil, a[0], ev.lim.String)
	if err != nil {
		return ev.warn(pos, "to json: %v", err)
	}
	if !ev.fitsString(len(b)) {
		return Null{}
	}
	return String(b)
}

func fromJSON(ev *evaluator, pos int, a []Value) Value {
	s := str(a[0])
	if !ev.spend(1 + len(s)/8) {
		return Null{}
	}
	v, err := FromJSON([]byte(s))
	if err != nil {
		return ev.warn(pos, "from json: %v", err)
	}
	if list, ok := v.(List); ok && !ev.fits(len(list)) {
		return Null{}
	}
	return v
}
