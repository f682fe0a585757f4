package feel

import (
	"slices"
	"testing"
)

func TestArithmeticIsDecimal(t *testing.T) {
	cases{
		{`0.1 + 0.2`, `0.3`},
		{`0.1 + 0.2 = 0.3`, `true`},
		{`1 / 3`, `0.3333333333333333333333333333333333`},
		{`10 / 4`, `2.5`},
		{`1 / 0`, `null`},
		{`2 + 3 * 4`, `14`},
		{`(2 + 3) * 4`, `20`},
		{`10 - 2 - 3`, `5`},
		{`2 ** 10`, `1024`},
		{`2 ** -2`, `0.25`},
		{`2 ** 0.5`, `1.414213562373095048801688724209698`},
		{`-2 ** 2`, `4`},
		{`3 ** 4 ** 2`, `6561`},
		{`0 ** -1`, `null`},
		{`0 ** 0.5`, `0`},
		{`(-1) ** 0.5`, `null`},
		{`9.9 ** 5000.5`, `4.718354693448042828346339585099372E+4978`},
		{`exp(-20000)`, `0`},
		{`exp(14000)`, `1.326620321137711275937776890335631E+6080`},
		{`1.1 ** 9999`, `7.681727501091225415710445848122475E+413`},
		{`exp(1) = 2.718281828459045235360287471352662`, `true`},
		{`exp(1e-40)`, `1`},
		{`1e6000 + 1e-6000 = 1e6000`, `true`},
		{`1e6000 - 1e-6000 = 1e6000`, `true`},
		{`1e-6000 - 1e6000 = -1e6000`, `true`},
		{`1e40 + 1`, `1E+40`},
		{`10 ** 7000`, `null`},
		{`-(1 + 2)`, `-3`},
		{`- - 2`, `2`},
		{`-0 = 0`, `true`},
		{`1.50`, `1.5`},
		{`.5`, `0.5`},
		{`1e3`, `1000`},
		{`1.5E-2`, `0.015`},
		{`1e50`, `1E+50`},
		{`12345678901234567890123456789012345`, `12345678901234567890123456789012340`},
		{`100 * 1.1`, `110`},
		{`1 + null`, `null`},
		{`-"a"`, `null`},
		{`"a" - "b"`, `null`},
	}.run(t, "")
}

func TestFiltersSelectFromLists(t *testing.T) {
	cases{
		{`[1,2,3][1]`, `1`},
		{`[1,2,3][-1]`, `3`},
		{`[1,2,3][0]`, `null`},
		{`[1,2,3][4]`, `null`},
		{`[1,2,3][i]`, `2`},
		{`[1,2,3][item >= 2]`, `[2, 3]`},
		{`[1,2,3][true]`, `[1, 2, 3]`},
		{`[1,2,3][null]`, `[]`},
		{`[][1]`, `null`},
		{`[][item > 1]`, `[]`},
		{`3[item > 2]`, `[3]`},
		{`3[1]`, `3`},
		{`3[item > 3]`, `[]`},
		{`null[1]`, `null`},
		{`true[1] = true`, `true`},
		{`[{x: 1, y: 2}, {x: 2, y: 3}][x = 1]`, `[{x: 1, y: 2}]`},
		{`[{x: 1, y: 2}, {x: null, y: 3}][x < 2].y`, `[2]`},
		{`[{item: 1}, {item: 2}][item = 2]`, `[{item: 2}]`},
		{`[{x: 1}, {y: 2}].x`, `[1, null]`},
		{`[[1, 2], [3]][2][1]`, `3`},
		{`{a: [{b: 1}, {b: 2}]}.a[b > 1].b`, `[2]`},
	}.run(t, `{"i": 2}`)
}

func TestLoopsAndQuantifiers(t *testing.T) {
	cases{
		{`for i in [1, 2, 3] return i * i`, `[1, 4, 9]`},
		{`for i in 1..3 return i`, `[1, 2, 3]`},
		{`for i in 3..1 return i`, `[3, 2, 1]`},
		{`for i in [1..4) return i`, `[1, 2, 3]`},
		{`for i in 0..4 return if i = 0 then 1 else i * partial[-1]`, `[1, 1, 2, 6, 24]`},
		{`for i in [1, 2], j in [3, 4] return i * 10 + j`, `[13, 14, 23, 24]`},
		{`for i in [[1, 2], [3]], j in i return j`, `[1, 2, 3]`},
		{`for d in @"2024-02-28"..@"2024-03-01" return d.day`, `[28, 29, 1]`},
		{`for i in 5 return i`, `[5]`},
		{`for i in null return i`, `null`},
		{`for i in 1.."a" return i`, `null`},
		{`for order line in lines return order line + 1`, `[2, 3]`},
		{`some x in [1, 2] satisfies x > 1`, `true`},
		{`some x in [] satisfies x > 1`, `false`},
		{`every x in [] satisfies x > 1`, `true`},
		{`every x in [1, 2] satisfies x > 1`, `false`},
		{`some x in [1, "a"] satisfies x > 1`, `null`},
		{`every x in [2, "a"] satisfies x > 1`, `null`},
		{`some x in [1, 2], y in [2, 3] satisfies x > y`, `false`},
		{`some x in null satisfies x`, `null`},
		{`some`, `null`},
		{"for `a-b` in [1] return `a-b` + 1", `[2]`},
		{"{f: function(`a-b`) `a-b`, r: f(`a-b`: 3)}.r", `3`},
	}.run(t, `{"lines": [1, 2]}`)
}

func TestFunctionsAreClosures(t *testing.T) {
	cases{
		{`(function(x, y) x + y)(1, 2)`, `3`},
		{`{f: function(x) x * 2, r: f(4)}.r`, `8`},
		{`{f: function(x, y) x - y, r: f(y: 1, x: 5)}.r`, `4`},
		{`{f: function(x, y) y, r: f(x: 5)}.r`, `null`},
		{`{f: function(x) x, r: f(1, 2)}.r`, `null`},
		{`{f: function(x) x, r: f(z: 2)}.r`, `null`},
		{`{fac: function(n) if n <= 1 then 1 else n * fac(n - 1), r: fac(5)}.r`, `120`},
		{`{f: function(x: number) x, a: f("1"), b: f([1]), c: f(1)}`, `{f: function(x), a: null, b: 1, c: 1}`},
		{`{f: function(x: date and time) x, a: f(@"2020-01-01")}.a`, `@"2020-01-01T00:00:00Z"`},
		{`{f: function(x: list<number>) count(x), a: f(1)}.a`, `1`},
		{`{n: 1, f: function() n, g: function(n) f(), r: g(2)}.r`, `1`},
		{`{sum: function(x) "mine", r: sum(1)}.r`, `"mine"`},
		{`{apply: function(f, x) f(x), r: apply(abs, -1)}.r`, `1`},
		{`{f: {g: function(x) x + 1}, r: f.g(1)}.r`, `2`},
		{`nosuch(1)`, `null`},
		{`count + 1`, `6`},
		{`count([1])`, `1`},
	}.run(t, `{"count": 5}`)
}

func TestContextsKeepOrderAndSeeTheirOwnEntries(t *testing.T) {
	cases{
		{`{b: 1, a: b + 1}`, `{b: 1, a: 2}`},
		{`{"a b": 1}`, `{"a b": 1}`},
		{`{a b: 1, c: a b + 1}.c`, `2`},
		{`{a-b: 1, c: a-b + 1}.c`, `2`},
		{`{date and more: 1, c: date and more + 1}.c`, `2`},
		{`{a: {b: {c: 1}}}.a.b.c`, `1`},
		{`{}`, `{}`},
		{"{`if`: 1}.if", `1`},
		{`{a: 1}.b`, `null`},
	}.run(t, "")
}

func TestInstanceOfKnowsTheTypes(t *testing.T) {
	cases{
		{`1 instance of number`, `true`},
		{`"abc" instance of string`, `true`},
		{`123 instance of string`, `false`},
		{`[123] instance of list<number>`, `true`},
		{`["a"] instance of list<number>`, `false`},
		{`[1] instance of list`, `true`},
		{`null instance of Null`, `true`},
		{`null instance of Any`, `false`},
		{`1 instance of Any`, `true`},
		{`true instance of boolean`, `true`},
		{`@"2020-01-01" instance of date`, `true`},
		{`@"2020-01-01T00:00:00" instance of date and time`, `true`},
		{`@"10:00:00" instance of time`, `true`},
		{`@"P1D" instance of days and time duration`, `true`},
		{`@"P1Y" instance of years and months duration`, `true`},
		{`@"P1Y" instance of days and time duration`, `false`},
		{`{a: 1} instance of context<a: number>`, `true`},
		{`{a: "x"} instance of context<a: number>`, `false`},
		{`{} instance of context`, `true`},
		{`[1..2] instance of range<number>`, `true`},
		{`["a".."b"] instance of range<number>`, `false`},
		{`(function(x: number) x) instance of function<number> -> Any`, `true`},
		{`(function(x: string) x) instance of function<number> -> Any`, `false`},
		{`abs instance of function`, `true`},
		{`x instance of number and true`, `true`},
		{`first instance + 1`, `3`},
	}.run(t, `{"x": 1, "first instance": 2}`)
}

func TestInAndUnaryTests(t *testing.T) {
	cases{
		{`1 in [1, 2]`, `true`},
		{`1 in (1, 2)`, `true`},
		{`3 in (1, 2)`, `false`},
		{`1 in 1`, `true`},
		{`5 in (< 3, > 4)`, `true`},
		{`5 in > 4`, `true`},
		{`5 in != 4`, `true`},
		{`5 in [1..5)`, `false`},
		{`5 in [[1..3], [4..6]]`, `true`},
		{`5 in (1 + 2) * 3`, `false`},
		{`9 in (1 + 2) * 3`, `true`},
		{`1 in [[1]]`, `true`},
		{`"a" in ("b", list)`, `true`},
		{`null in (null, 1)`, `true`},
		{`x in (? > 2, ? < 0)`, `true`},
		{`x in list`, `false`},
		{`x in (1..3) or false`, `false`},
		{`x in (1..3].end included`, `true`},
	}.run(t, `{"x": 3, "list": ["a", 2]}`)
}

func TestUnaryTestsOfATable(t *testing.T) {
	for _, c := range []struct{ tests, input, want string }{
		{`-`, `1`, `true`},
		{`< 5`, `1`, `true`},
		{`< 5`, `5`, `false`},
		{`<= 5`, `"a"`, `null`},
		{`[1..3], 7`, `7`, `true`},
		{`not(1, 2)`, `3`, `true`},
		{`not(1, 2)`, `2`, `false`},
		{`not("a")`, `"b"`, `true`},
		{`"a", "b"`, `"b"`, `true`},
		{`? > 3 and ? < 5`, `4`, `true`},
		{`contains(?, "x")`, `"axb"`, `true`},
		{`not(contains(?, "x"))`, `"axb"`, `false`},
		{`true`, `true`, `true`},
		{`false`, `true`, `false`},
		{`false`, `false`, `true`},
		{`null`, `null`, `true`},
		{`x`, `4`, `true`},
		{`x + 1`, `5`, `true`},
		{`-5`, `-5`, `true`},
		{`not(1) and true`, `5`, `false`},
	} {
		x, err := ParseUnaryTests(c.tests)
		if err != nil {
			t.Errorf("ParseUnaryTests(%q): %v", c.tests, err)
			continue
		}
		if again, err := ParseUnaryTests(x.String()); err != nil || again.String() != x.String() {
			t.Errorf("ParseUnaryTests(%q).String() = %q, which parses to %v, %v", c.tests, x, again, err)
		}
		input, err := FromJSON([]byte(c.input))
		if err != nil {
			t.Fatal(err)
		}
		got, err := x.Eval(NewContext(Entry{"?", input}, Entry{"x", Int(4)}), Limits{})
		if err != nil || got.String() != c.want {
			t.Errorf("%s of %s = %v, %v; want %s", c.tests, c.input, got, err, c.want)
		}
	}
}

func TestCommentsAndSpaceMeanNothing(t *testing.T) {
	cases{
		{"1 + // one\n 2", `3`},
		{"1 /* two\nlines */ + 2", `3`},
		{"\u00a01\t+\r\n2", `3`},
		{"is   defined (1)", `true`},
		{"date  and\ntime(\"2020-01-01\")", `@"2020-01-01T00:00:00"`},
	}.run(t, "")
}

func TestFormattingIsCanonical(t *testing.T) {
	for src, want := range map[string]string{
		`((1+2))*3`:                              `(1 + 2) * 3`,
		`1-(2-3)`:                                `1 - (2 - 3)`,
		`(1-2)-3`:                                `1 - 2 - 3`,
		`(-2)**2`:                                `-2 ** 2`,
		`-(2**2)`:                                `-(2 ** 2)`,
		`a and(b or c)`:                          `a and (b or c)`,
		`(a and b)or c`:                          `a and b or c`,
		`x in(1,2)`:                              `x in (1, 2)`,
		`x in [1..2]`:                            `x in ([1..2])`,
		`(if a then b else c)+1`:                 `(if a then b else c) + 1`,
		`(1).x`:                                  `1.x`,
		`f( a , b:=1`:                            ``,
		`for i in 1..2,j in l return i`:          `for i in 1..2, j in l return i`,
		`function(a:number,b)a+b`:                `function(a: number, b) a + b`,
		`{"a":1,"b c":2}`:                        `{a: 1, "b c": 2}`,
		`get or else(a,1)`:                       `get or else(a, 1)`,
		`]1..2[`:                                 `(1..2)`,
		`@"2020-01-01"`:                          `@"2020-01-01"`,
		`a instance  of list < number >`:         `a instance of list<number>`,
		`sort(list:l,precedes:f)`:                `sort(list: l, precedes: f)`,
		`some x in l satisfies(x>1)`:             `some x in l satisfies x > 1`,
		"`a b`+`c-d`":                            "a b + `c-d`",
		`a between 1 and 2 and b`:                `a between 1 and 2 and b`,
		`(a=b)=c`:                                `a = b = c`,
		`a=(b=c)`:                                `a = (b = c)`,
		`x instance of function<number>->string`: `x instance of function<number> -> string`,
	} {
		x, err := Parse(src)
		if want == "" {
			if err == nil {
				t.Errorf("Parse(%q) succeeded", src)
			}
			continue
		}
		if err != nil || x.String() != want {
			t.Errorf("Parse(%q).String()\n got %v, %v\nwant %s", src, x, err, want)
		}
	}
}

func TestNamesAreTheFreeOnes(t *testing.T) {
	for src, want := range map[string][]string{
		`a.b + c`:                               {"a", "c"},
		`for x in xs return x + partial[1]`:     {"xs"},
		`some x in xs, y in x satisfies y = z`:  {"xs", "z"},
		`{a: b, c: a}.c`:                        {"b"},
		`function(x) x + y`:                     {"y"},
		`count(list) + count`:                   {"count", "list"},
		`helper(1)`:                             {"helper"},
		`items[price > limit and item != null]`: {"items", "limit", "price"},
		`order total > 1 and x in (? > y)`:      {"order total", "x", "y"},
		`1 + 1`:                                 nil,
	} {
		x, err := Parse(src)
		if err != nil {
			t.Errorf("Parse(%q): %v", src, err)
			continue
		}
		if got := x.Names(); !slices.Equal(got, want) {
			t.Errorf("Names of %s\n got %q\nwant %q", src, got, want)
		}
	}
}

func TestKnownNamesMayContainAnything(t *testing.T) {
	x, err := ParseNames(`date of birth + cost/unit * 2 - in`, []string{"date of birth", "cost/unit", "in"})
	if err != nil {
		t.Fatal(err)
	}
	scope := NewContext(Entry{"date of birth", Int(1)}, Entry{"cost/unit", Int(2)}, Entry{"in", Int(3)})
	got, err := x.Eval(scope, Limits{})
	if err != nil || got.String() != "2" {
		t.Errorf("got %v, %v; want 2", got, err)
	}
	if want := "date of birth + `cost/unit` * 2 - `in`"; x.String() != want {
		t.Errorf("got %s\nwant %s", x, want)
	}
}
