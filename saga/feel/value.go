package feel

import "strings"

// Kind says which of FEEL's types a value has.
type Kind uint8

// The kinds of values.
const (
	KindNull Kind = iota
	KindBool
	KindNumber
	KindString
	KindList
	KindContext
	KindRange
	KindFunction
	KindDate
	KindTime
	KindDateTime
	KindDayTimeDuration
	KindYearMonthDuration
)

// String returns the name that FEEL gives to the kind.
func (k Kind) String() string {
	switch k {
	case KindNull:
		return "null"
	case KindBool:
		return "boolean"
	case KindNumber:
		return "number"
	case KindString:
		return "string"
	case KindList:
		return "list"
	case KindContext:
		return "context"
	case KindRange:
		return "range"
	case KindFunction:
		return "function"
	case KindDate:
		return "date"
	case KindTime:
		return "time"
	case KindDateTime:
		return "date and time"
	case KindDayTimeDuration:
		return "days and time duration"
	case KindYearMonthDuration:
		return "years and months duration"
	}
	return "unknown"
}

// A Value is what an expression evaluates to. The set of types is closed: [Null],
// [Bool], [Number], [String], [List], [Context], [Range], [Function], [Date],
// [Time], [DateTime], [DayTimeDuration] and [YearMonthDuration]. Values never
// change. A nil Value given to this package counts as null.
type Value interface {
	// Kind returns the type of the value.
	Kind() Kind
	// String returns the value as FEEL text: what parses to an equal value,
	// wherever there is such a text.
	String() string
}

// Null is the absence of a value.
type Null struct{}

// Bool is a truth value.
type Bool bool

// String is a sequence of Unicode code points.
type String string

// List is a sequence of values. Whoever made it must not change it any more.
type List []Value

// Range is an interval. A Low or High of nil (or null) is unbounded: that is
// what the test < 5 makes. Low and High have the same kind otherwise.
type Range struct {
	Low, High         Value
	LowOpen, HighOpen bool
}

// Kind returns KindNull.
func (Null) Kind() Kind { return KindNull }

// Kind returns KindBool.
func (Bool) Kind() Kind { return KindBool }

// Kind returns KindString.
func (String) Kind() Kind { return KindString }

// Kind returns KindList.
func (List) Kind() Kind { return KindList }

// Kind returns KindRange.
func (Range) Kind() Kind { return KindRange }

// String returns "null".
func (Null) String() string { return "null" }

// String returns "true" or "false".
func (b Bool) String() string {
	if b {
		return "true"
	}
	return "false"
}

// String returns s quoted.
func (s String) String() string { return quote(string(s)) }

// String returns the list in brackets.
func (l List) String() string {
	var b strings.Builder
	b.WriteByte('[')
	for i, v := range l {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(orNull(v).String())
	}
	b.WriteByte(']')
	return b.String()
}

// String returns the range as FEEL writes it, [1..5) or < 5.
func (r Range) String() string {
	switch {
	case isNull(r.Low) && isNull(r.High):
		return "null"
	case isNull(r.Low):
		return pick(r.HighOpen, "(< ", "(<= ") + r.High.String() + ")"
	case isNull(r.High):
		return pick(r.LowOpen, "(> ", "(>= ") + r.Low.String() + ")"
	}
	return pick(r.LowOpen, "(", "[") + r.Low.String() + ".." + r.High.String() + pick(r.HighOpen, ")", "]")
}

// IsTrue says whether v is true. Anything else, null included, is not.
func IsTrue(v Value) bool {
	b, ok := v.(Bool)
	return ok && bool(b)
}

func isNull(v Value) bool {
	return v == nil || v.Kind() == KindNull
}

func orNull(v Value) Value {
	if v == nil {
		return Null{}
	}
	return v
}

func pick[T any](cond bool, yes, no T) T {
	if cond {
		return yes
	}
	return no
}

// quote writes s as a FEEL string literal.
func quote(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 2)
	b.WriteByte('"')
	for _, r := range s {
		switch r {
		case '"':
			b.WriteString(`\"`)
		case '\\':
			b.WriteString(`\\`)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
