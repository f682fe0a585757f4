package feel

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

func stringBuiltin(name string) *builtin {
	switch name {
	case "substring":
		return define(name, with("string:s, start position|start:n, length?:n", substring))
	case "string length":
		return define(name, with("string:s", func(_ *evaluator, _ int, a []Value) Value {
			return Int(int64(utf8.RuneCountInString(str(a[0]))))
		}))
	case "upper case":
		return define(name, with("string:s", mapString(strings.ToUpper)))
	case "lower case":
		return define(name, with("string:s", mapString(strings.ToLower)))
	case "trim":
		return define(name, with("string:s", mapString(strings.TrimSpace)))
	case "to base64":
		return define(name, with("value|string:s", mapString(func(s string) string {
			return base64.StdEncoding.EncodeToString([]byte(s))
		})))
	case "is blank":
		return define(name, with("string:s", func(_ *evaluator, _ int, a []Value) Value {
			return Bool(strings.TrimSpace(str(a[0])) == "")
		}))
	case "substring before":
		return define(name, with("string:s, match:s", substringBefore))
	case "substring after":
		return define(name, with("string:s, match:s", substringAfter))
	case "contains":
		return define(name, with("string:s, match:s", testString(strings.Contains)))
	case "starts with":
		return define(name, with("string:s, match:s", testString(strings.HasPrefix)))
	case "ends with":
		return define(name, with("string:s, match:s", testString(strings.HasSuffix)))
	case "matches":
		return define(name, with("input:s, pattern:s, flags?:*", matches))
	case "replace":
		return define(name, with("input:s, pattern:s, replacement:s, flags?:*", replace))
	case "split":
		return define(name, with("string:s, delimiter:s", split))
	case "extract":
		return define(name, with("string:s, pattern:s", extract))
	case "string join":
		return define(name, with("list:l, delimiter?:*, prefix?:*, suffix?:*", stringJoin))
	}
	return nil
}

// str returns the string that a parameter of type s is.
func str(v Value) string {
	s, _ := v.(String)
	return string(s)
}

func mapString(f func(string) string) builtinFunc {
	return func(ev *evaluator, _ int, a []Value) Value {
		s := f(str(a[0]))
		if !ev.fitsString(len(s)) {
			return Null{}
		}
		return String(s)
	}
}

func testString(f func(s, match string) bool) builtinFunc {
	return func(ev *evaluator, _ int, a []Value) Value {
		ev.fitsString(len(str(a[0])))
		return Bool(f(str(a[0]), str(a[1])))
	}
}

// substring counts code points from 1, or from the end if start is negative.
func substring(ev *evaluator, pos int, a []Value) Value {
	s := []rune(str(a[0]))
	if !ev.fitsString(len(s)) {
		return Null{}
	}
	start, length, ok := span(a[1], a[2], len(s))
	if !ok {
		return ev.warn(pos, "substring: no such position")
	}
	return String(s[start : start+length])
}

// span turns a start from 1 or from the end, and a length that may be missing,
// into indexes of something of n parts.
func span(start, length Value, n int) (from, size int, ok bool) {
	at, ok := wholeNumber(start)
	if !ok || at == 0 || at > int64(n) || at < -int64(n) {
		return 0, 0, false
	}
	from = int(at) - 1
	if at < 0 {
		from = n + int(at)
	}
	if length == nil {
		return from, n - from, true
	}
	count, ok := wholeNumber(length)
	if !ok || count < 1 {
		return 0, 0, false
	}
	return from, int(min(count, int64(n-from))), true
}

// wholeNumber returns a number without what is after the point.
func wholeNumber(v Value) (int64, bool) {
	n, ok := v.(Number)
	if !ok {
		return 0, false
	}
	if i, ok := n.Int64(); ok {
		return i, true
	}
	return truncated(n).Int64()
}

func substringBefore(_ *evaluator, _ int, a []Value) Value {
	before, _, found := strings.Cut(str(a[0]), str(a[1]))
	if !found {
		return String("")
	}
	return String(before)
}

func substringAfter(_ *evaluator, _ int, a []Value) Value {
	_, after, found := strings.Cut(str(a[0]), str(a[1]))
	if !found {
		return String("")
	}
	return String(after)
}

// stringJoin leaves nulls out.
func stringJoin(ev *evaluator, pos int, a []Value) Value {
	list := a[0].(List)
	parts := make([]string, 0, len(list))
	size := 0
	for _, item := range list {
		switch item := item.(type) {
		case String:
			parts = append(parts, string(item))
			size += len(item)
		case Null:
		default:
			return ev.warn(pos, "string join: an element is %v", orNull(item).Kind())
		}
	}
	var around [3]string // delimiter, prefix, suffix
	for i := range around {
		switch v := orNull(a[i+1]).(type) {
		case String:
			around[i] = string(v)
		case Null:
		default:
			return ev.warn(pos, "string join: delimiter, prefix and suffix must be strings")
		}
	}
	size += len(around[0])*len(parts) + len(around[1]) + len(around[2])
	if !ev.fits(len(parts)) || !ev.fitsString(size) {
		return Null{}
	}
	return String(around[1] + strings.Join(parts, around[0]) + around[2])
}
