package feel

import (
	"errors"
	"testing"
)

// seeds is something of every construct.
func seeds() []string {
	return []string{
		`a.b > 1 and not(c) or d = null`,
		`if a then -b ** 2 else "x\u0041\n"`,
		`for i in 1..3, j in [i, 2] return i * j + count(partial)`,
		`some x in xs satisfies x in (< 5, [7..9), "a")`,
		`{a b: 1, "c-d": function(x: list<number>, y) x[y], e: a b}.e`,
		`@"2020-01-01T10:00:00@Europe/Paris" + @"P1D" - duration("PT1H")`,
		`xs[price between 1 and 2].name[-1]`,
		`replace("abc", "(b)", "[$1]", "i")`,
		`sort(list: [3, 1], precedes: function(x, y) x < y)`,
		"`a-b` instance of context<a: number, b: function<string> -> Any>",
		`get or else(date and time("2020-01-01"), ]1..2[)`,
		`x in (1..2) * 3 // comment`,
		`(>= 5).start /* c */ + (1).x`,
		`string(from json("[1, {\"a\": 2.50}]"))`,
		`1e10 / .3 - 1.5E-3`,
		`not(1, 2)`, `-`, `< 5, ? > 3`,
	}
}

func FuzzParseAndFormat(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		for name, parse := range map[string]func(string) (*Expr, error){"Parse": Parse, "ParseUnaryTests": ParseUnaryTests} {
			x, err := parse(src)
			if err != nil {
				var syntax *SyntaxError
				if !errors.As(err, &syntax) || syntax.Line < 1 || syntax.Column < 1 {
					t.Errorf("%s(%q): %v has no place", name, src, err)
				}
				continue
			}
			x.Names()
			again, err := parse(x.String())
			if err != nil || again.String() != x.String() {
				t.Errorf("%s(%q).String() = %q, which parses to %v, %v", name, src, x, again, err)
			}
		}
	})
}

func FuzzEvalEnds(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s, `{"a": {"b": 2}, "c": false, "xs": [{"price": 1.5, "name": "n"}], "x": 4}`)
	}
	f.Fuzz(func(t *testing.T, src, scope string) {
		x, err := Parse(src)
		if err != nil {
			return
		}
		limits := Limits{Steps: 20_000, Depth: 200, List: 2_000, String: 10_000, Now: testNow()}
		v, err := x.Eval(JSONScope([]byte(scope)), limits)
		if err != nil {
			if !errors.Is(err, ErrLimit) && !errors.Is(err, ErrAssert) {
				t.Errorf("Eval(%q): %v", src, err)
			}
			return
		}
		again, err := x.Eval(JSONScope([]byte(scope)), limits)
		if err != nil {
			t.Fatalf("Eval(%q) a second time: %v", src, err)
		}
		a, aerr := ToJSON(v)
		b, berr := ToJSON(again)
		if string(a) != string(b) || (aerr == nil) != (berr == nil) {
			t.Errorf("Eval(%q) is %s and then %s", src, a, b)
		}
	})
}

func FuzzJSONRoundTrip(f *testing.F) {
	f.Add([]byte(`{"a": [1, 2.50, -0, 1e3], "b": {"c": null, "\u0041": "\ud83d\udc0e"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		lazy := JSONScope(data).String()
		v, err := FromJSON(data)
		if err != nil {
			return
		}
		if c, ok := v.(Context); ok && c.String() != lazy {
			t.Errorf("%q: decoded %s, lazy %s", data, c, lazy)
		}
		out, err := ToJSON(v)
		if err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		again, err := FromJSON(out)
		if err != nil {
			t.Fatalf("%q became %q: %v", data, out, err)
		}
		if second, err := ToJSON(again); err != nil || string(second) != string(out) {
			t.Errorf("%q became %q and then %q, %v", data, out, second, err)
		}
	})
}
