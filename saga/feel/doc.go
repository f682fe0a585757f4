// Package feel is the expression language of definitions: FEEL as in DMN 1.5,
// chapter 10, with the additions that models made for Zeebe use. Guards,
// input and output mappings, timers and script tasks are written in it.
//
// [Parse] turns text into an [Expr], which never changes and may be used by
// many goroutines at once. [Expr.Eval] evaluates it against a [Scope].
//
// Evaluation is pure. It reads no clock (the time of now() and today() is
// [Limits.Now]), draws no random number (uuid() and random number() are refused
// by Parse) and does no I/O: the time zone database is compiled in, though
// a host's own has precedence, as package time says. So evaluating the same
// expression on the same values gives the same result anywhere, which replay
// depends on.
//
// Evaluation is total in the manner of DMN: what has no meaning, say 1 + "a",
// is null and leaves a [Warning]. It fails only when it exceeds its [Limits]
// or when an assert() does not hold. Every evaluation ends: steps, depth, and
// the sizes of lists and strings are bounded.
//
// # Words
//
// A value is a [Value]: null, boolean, number, string, list, context (ordered
// keys and values), range, function, date, time, date and time, or one of the
// two durations. A number is a decimal of 34 digits, rounded half to even (IEEE
// 754 decimal128). A scope is where the names of an expression are looked up.
//
// # Names
//
// Adjacent words make one name ("order total"), for FEEL gives no other meaning
// to them. A name that contains a keyword or an operator is written in
// backticks (`a-b`), is given to [ParseNames] as known, or is introduced by the
// expression itself ({a-b: 1, c: a-b}).
//
// # Where this is not DMN 1.5
//
//   - The entries of a context see those before them and themselves, not those
//     after them.
//   - list, context, range and function may stand in instance of without
//     parameters, as Zeebe allows.
//   - Adding months takes the last day of a shorter month.
//   - A time of day in a named zone has the offset of 1 January 2000.
//   - Patterns are read by package regexp: no back-references, character class
//     subtraction or Unicode blocks, which give null.
//   - External functions (Java, PMML), uuid() and random number() are syntax
//     errors, and so is a key that stands twice in a context.
//   - assert() that does not hold is an error and no null, as in Zeebe.
package feel
