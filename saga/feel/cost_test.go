package feel

import (
	"testing"
	"time"
)

// TestStepsBoundTheTime runs what is dearest a step. With the default of
// a million steps these take up to ten times as long as here.
func TestStepsBoundTheTime(t *testing.T) {
	const long = `string join(for i in 1..5000 return "aaaaaaaaaaaaaaaa")`
	for _, src := range []string{
		`count(for i in 1..9000 return i ** 0.5)`,
		`count(for i in 1..9000 return 1.1 ** 9999)`,
		`count(for i in 1..9000 return 1e6000 + 1e-6000)`,
		`count(for i in 1..9000 return modulo(1e6000, 3))`,
		`count(for i in 1..9000 return exp(14000))`,
		`count(for i in 1..9000 return log(1.2345678e-6000))`,
		`count(for i in 1..9000 return @"P1D" * 1.5e-6000)`,
		`stddev(for i in 1..9000 return if odd(i) then 1e3000 else 1e-3000)`,
		`count(for i in 1..9000 return matches("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "(a{1,30}){1,30}b"))`,
		`count(for i in 1..9000 return time("10:00:00@Europe/Paris"))`,
		`{s: ` + long + `, r: for i in 1..9000 return substring before(s, "b")}.r[1]`,
		`{s: ` + long + `, r: for i in 1..9000 return matches(s, "b")}.r[1]`,
		`{l: for i in 1..9000 return i, r: for i in l return is(l, l)}.r[1]`,
	} {
		x, err := Parse(src)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		v, err := x.Eval(nil, Limits{Steps: 100_000})
		took := time.Since(start)
		t.Logf("%8v %s: %v, %v", took.Round(time.Millisecond), src, v, err)
		if took > 5*time.Second {
			t.Errorf("%s took %v", src, took)
		}
	}
}
