package feel

import (
	"errors"
	"testing"
)

// eval evaluates src against a JSON object, or none if that is empty.
func eval(t *testing.T, src, scope string) Value {
	t.Helper()
	x, err := Parse(src)
	if err != nil {
		t.Fatalf("Parse(%q): %v", src, err)
	}
	if again, err := Parse(x.String()); err != nil || again.String() != x.String() {
		t.Errorf("Parse(%q).String() = %q, which parses to %v, %v", src, x, again, err)
	}
	if scope == "" {
		scope = "{}"
	}
	v, err := x.Eval(JSONScope([]byte(scope)), Limits{Now: testNow()})
	if err != nil {
		t.Fatalf("Eval(%q): %v", src, err)
	}
	return v
}

// cases maps expressions to the text of their values.
type cases []struct{ src, want string }

func (list cases) run(t *testing.T, scope string) {
	t.Helper()
	for _, c := range list {
		if got := eval(t, c.src, scope).String(); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.src, got, c.want)
		}
	}
}

func TestComparisonsHaveThreeAnswers(t *testing.T) {
	cases{
		{`1 = 1`, `true`},
		{`1 = 1.0`, `true`},
		{`1 != 2`, `true`},
		{`1 < 2`, `true`},
		{`2 <= 2`, `true`},
		{`3 > 3`, `false`},
		{`3 >= 3`, `true`},
		{`"a" < "b"`, `true`},
		{`1 = "1"`, `null`},
		{`1 != "1"`, `null`},
		{`1 < "1"`, `null`},
		{`null = null`, `true`},
		{`null = 1`, `false`},
		{`null != 1`, `true`},
		{`null < 1`, `null`},
		{`true < false`, `null`},
		{`[1, 2] = [1, 2]`, `true`},
		{`[1, 2] = [2, 1]`, `false`},
		{`{a: 1, b: 2} = {b: 2, a: 1}`, `true`},
		{`{a: 1} = {a: 2}`, `false`},
		{`[1..5] = [1..5]`, `true`},
		{`[1..5] = [1..5)`, `false`},
		{`5 between 1 and 10`, `true`},
		{`0 between 1 and 10`, `false`},
		{`null between 1 and 10`, `null`},
	}.run(t, "")
}

func TestLogicHasThreeValues(t *testing.T) {
	cases{
		{`true and true`, `true`},
		{`true and false`, `false`},
		{`true and null`, `null`},
		{`false and null`, `false`},
		{`null and false`, `false`},
		{`null and null`, `null`},
		{`true or null`, `true`},
		{`null or true`, `true`},
		{`false or null`, `null`},
		{`false or false`, `false`},
		{`true and 1`, `null`},
		{`false or 1`, `null`},
		{`not(true)`, `false`},
		{`not(null)`, `null`},
		{`true or false and false`, `true`},
		{`if null then 1 else 2`, `2`},
		{`if 1 < 2 then "a" else "b"`, `"a"`},
	}.run(t, "")
}

func TestPathsReachIntoJSON(t *testing.T) {
	cases{
		{`security.findings = 0`, `true`},
		{`order total > 10`, `true`},
		{`items[1].price`, `3.5`},
		{`items.price`, `[3.5, 12]`},
		{`items[price > 5].name`, `["b"]`},
		{"`a-b` + 1", `8`},
		{`nothing.at.all`, `null`},
		{`security.nothing`, `null`},
	}.run(t, `{"security": {"findings": 0}, "order total": 12, "a-b": 7,
		"items": [{"name": "a", "price": 3.50}, {"name": "b", "price": 12}]}`)
}

func TestSyntaxErrorsSayWhere(t *testing.T) {
	for src, want := range map[string]string{
		"":                       `feel: line 1, column 1: found the end where an expression was expected`,
		"1 +":                    `feel: line 1, column 4: found the end where an expression was expected`,
		"1 +\n  * 2":             `feel: line 2, column 3: found "*" where an expression was expected`,
		`"ä" == 1`:               `feel: line 1, column 5: "==" is not FEEL: equality is "="`,
		`uuid()`:                 `feel: line 1, column 1: uuid() is refused: an expression is evaluated again at a replay and must give the same value`,
		`random number()`:        `feel: line 1, column 1: random number() is refused: an expression is evaluated again at a replay and must give the same value`,
		`a || b`:                 `feel: line 1, column 3: "||" is not FEEL: write "or"`,
		`!a`:                     `feel: line 1, column 1: "!" is not FEEL: write not(...)`,
		`'a'`:                    `feel: line 1, column 1: strings are written in double quotes`,
		`5 % 2`:                  `feel: line 1, column 3: "%" is not FEEL: write modulo(a, b)`,
		`a # b`:                  `feel: line 1, column 3: unexpected character "#"`,
		`"a`:                     `feel: line 1, column 1: string does not end`,
		`"\u00g1"`:               `feel: line 1, column 4: four hexadecimal digits must follow "\u"`,
		`"\U110000"`:             `feel: line 1, column 10: six hexadecimal digits of a code point must follow "\U"`,
		"a + `b":                 "feel: line 1, column 5: name in backticks does not end",
		"``":                     "feel: line 1, column 1: name in backticks is empty",
		`1 /* x`:                 `feel: line 1, column 3: comment does not end`,
		`@2020`:                  `feel: line 1, column 1: a date, time or duration in quotes must follow "@"`,
		`if a then b`:            `feel: line 1, column 12: found the end where "else" was expected`,
		`for if in x`:            `feel: line 1, column 5: found "if" where a name was expected`,
		`f(a: 1, 2)`:             `feel: line 1, column 9: found "2" where a parameter's name was expected`,
		`function(a, a) a`:       `feel: line 1, column 13: parameter "a" stands twice`,
		`function() external {}`: `feel: line 1, column 12: external functions (Java, PMML) are not supported`,
		`(!= 5)`:                 `feel: line 1, column 1: (!= x) is no range`,
		`[1..5`:                  `feel: line 1, column 6: found the end where the end of the range was expected`,
		`a.1`:                    `feel: line 1, column 2: found ".1" where an operator or the end was expected`,
		`{1: 2}`:                 `feel: line 1, column 2: found "1" where a key was expected`,
		"a\xff":                  `feel: line 1, column 2: text is not UTF-8`,
		`a && b`:                 `feel: line 1, column 3: "&&" is not FEEL: write "and"`,
		`not approved`:           `feel: line 1, column 1: not is a function: write not(...)`,
		`{a: 1, a: 2}`:           `feel: line 1, column 8: key "a" stands twice in the context`,
		`(1`:                     `feel: line 1, column 3: found the end where ")" was expected`,
		`@"2020-13-01"`:          `feel: line 1, column 1: "2020-13-01" is not a date, time or duration`,
		`x instance of wine`:     `feel: line 1, column 15: unknown type "wine"`,
	} {
		_, err := Parse(src)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || err.Error() != want {
			t.Errorf("Parse(%q)\n got %v\nwant %s", src, err, want)
		}
	}
}
