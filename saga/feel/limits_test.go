package feel

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestEvaluationPastALimitIsAnError(t *testing.T) {
	small := Limits{Steps: 10_000, Depth: 100, List: 1_000, String: 1_000}
	for name, src := range map[string]string{
		"steps":            `for i in 1..1000, j in 1..1000, k in 1..1000 return i`,
		"steps of some":    `some i in 1..1000, j in 1..1000 satisfies i > 1000`,
		"depth":            `{f: function(n) f(n + 1), r: f(0)}.r`,
		"list of for":      `count(for i in 1..100, j in 1..100 return 0)`,
		"list of range":    `for i in 1..100000000000 return i`,
		"list of days":     `for d in @"0001-01-01"..@"9999-01-01" return 1`,
		"append":           `(for i in 1..500 return if i = 1 then [1] else concatenate(partial[-1], partial[-1]))[500]`,
		"string":           `(for i in 1..50 return if i = 1 then "a" else partial[-1] + partial[-1])[50]`,
		"string join":      `string join(for i in 1..100 return "aaaaaaaaaaaaaaa")`,
		"shared values":    `{a: [1, 1], b: [a, a], c: [b, b], d: [c, c], e: [d, d], f: [e, e], g: [f, f], h: [g, g], i: [h, h], j: [i, i], k: [j, j], l: [k, k], m: [l, l], r: m = m}.r`,
		"string of shared": `{a: [1, 1], b: [a, a], c: [b, b], d: [c, c], e: [d, d], f: [e, e], g: [f, f], h: [g, g], i: [h, h], j: [i, i], k: [j, j], l: [k, k], m: [l, l], r: string(m)}.r`,
		"flatten shared":   `{a: [1, 1], b: [a, a], c: [b, b], d: [c, c], e: [d, d], f: [e, e], g: [f, f], h: [g, g], i: [h, h], j: [i, i], r: flatten(j)}.r`,
		"type of shared":   `{a: [1, 1], b: [a, a], c: [b, b], d: [c, c], e: [d, d], f: [e, e], g: [f, f], h: [g, g], i: [h, h], j: [i, i], k: [j, j], l: [k, k], m: [l, l], r: m instance of list<list<number>>}.r`,
		"sort":             `sort(for i in 1..900 return -i, function(x, y) x < y)`,
		"distinct":         `distinct values(for i in 1..900 return i)`,
		"regular matching": `for i in 1..900 return matches("aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "(a*)*b")`,
		"zones":            `for i in 1..900 return time("10:00:00@Europe/Paris")`,
	} {
		x, err := Parse(src)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if v, err := x.Eval(nil, small); !errors.Is(err, ErrLimit) {
			t.Errorf("%s: got %.100v, %v; want ErrLimit", name, v, err)
		}
	}
}

func TestTheDefaultLimitsAreLargeEnough(t *testing.T) {
	cases{
		{`sum(for i in 1..50000 return i)`, `1250025000`},
		{`{f: function(n) if n = 0 then 0 else 1 + f(n - 1), r: f(200)}.r`, `200`},
		{`count(sort(for i in 1..2000 return -i, function(x, y) x < y))`, `2000`},
	}.run(t, "")
}

func TestTextIsBoundedBeforeItIsRead(t *testing.T) {
	for name, src := range map[string]string{
		"long":             strings.Repeat("1+", maxSource) + "1",
		"brackets":         strings.Repeat("(", 10_000) + "1",
		"lists":            strings.Repeat("[", 10_000),
		"minus":            strings.Repeat("-", 10_000) + "1",
		"if":               strings.Repeat("if ", 10_000),
		"in with brackets": strings.Repeat("1 in (", 5_000) + "1" + strings.Repeat(")+1", 5_000),
		"types":            "x instance of " + strings.Repeat("list<", 5_000),
		"juel":             strings.Repeat("!", 10_000) + "x",
	} {
		start := time.Now()
		_, err := Parse(src)
		if name == "juel" {
			_, err = FromJUEL("${" + src + "}")
		}
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
}

func TestNestedTestsDoNotParseTwice(t *testing.T) {
	src := strings.Repeat("1 in (", 60) + "1" + strings.Repeat(") + 1)", 0) + strings.Repeat(" + 1)", 60)
	if _, err := Parse(src); err != nil {
		t.Fatal(err)
	}
	src = strings.Repeat("x in (", 40) + "1" + strings.Repeat(") * 2", 40)
	if _, err := Parse(src); err != nil {
		t.Fatal(err)
	}
}

func TestAnAssertThatDoesNotHoldIsAnError(t *testing.T) {
	x, err := Parse("1 +\n assert(x, x > 0, \"x must be positive\")")
	if err != nil {
		t.Fatal(err)
	}
	_, err = x.Eval(NewContext(Entry{"x", Int(-1)}), Limits{})
	if want := "feel: line 2, column 2: x must be positive: assertion does not hold"; !errors.Is(err, ErrAssert) || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	if v, err := x.Eval(NewContext(Entry{"x", Int(1)}), Limits{}); err != nil || v.String() != "2" {
		t.Errorf("got %v, %v; want 2", v, err)
	}
}

func TestExplainSaysWhyThereIsANull(t *testing.T) {
	for src, want := range map[string]string{
		`a.b > 1`:               `line 1, column 1: no variable "a"`,
		`{x: 1}.y`:              `line 1, column 7: the context has no "y"`,
		"1 +\n  \"a\"":          `line 1, column 3: number + string has no meaning`,
		`[1][2]`:                `line 1, column 4: a list of 1 has no element 2`,
		`substring(1, 2)`:       `line 1, column 1: substring(number, number) has no meaning`,
		`foo(1)`:                `line 1, column 1: no function "foo"`,
		`1 / 0`:                 `line 1, column 3: division by zero`,
		`now(1)`:                `line 1, column 1: now(number) has no meaning`,
		`now()`:                 `line 1, column 1: now() has no value here: no time was given`,
		`matches("a", "(a)\1")`: "line 1, column 1: pattern: error parsing regexp: invalid escape sequence: `\\1`",
	} {
		x, err := Parse(src)
		if err != nil {
			t.Fatal(err)
		}
		v, warnings, err := x.Explain(nil, Limits{})
		if err != nil || len(warnings) == 0 || warnings[0].String() != want || !isNull(v) {
			t.Errorf("Explain %s\n got %v, %q, %v\nwant null, %s", src, v, warnings, err, want)
		}
	}
}

func TestWarningsAreBounded(t *testing.T) {
	x, err := Parse(`for i in 1..1000 return i + "a"`)
	if err != nil {
		t.Fatal(err)
	}
	if _, warnings, err := x.Explain(nil, Limits{}); err != nil || len(warnings) != maxWarnings {
		t.Errorf("got %d warnings, %v; want %d", len(warnings), err, maxWarnings)
	}
}

func TestAnExpressionMayBeEvaluatedByManyAtOnce(t *testing.T) {
	x, err := Parse(`sum(for i in items return i.n) + {f: function(x) x * k}.f(2)`)
	if err != nil {
		t.Fatal(err)
	}
	scope := JSONScope([]byte(`{"items": [{"n": 1}, {"n": 2}], "k": 10}`))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if v, err := x.Eval(scope, Limits{}); err != nil || v.String() != "23" {
					t.Errorf("got %v, %v; want 23", v, err)
					return
				}
			}
		})
	}
	wg.Wait()
}
