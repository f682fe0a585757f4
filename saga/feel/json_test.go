package feel

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestJSONGoesThroughUnchanged(t *testing.T) {
	for _, text := range []string{
		`null`, `true`, `false`, `0`, `-1`, `12.5`, `1234567890123456789012345678901234`, `"a\"\\\n<&>é"`, `""`,
		`[]`, `{}`, `[1,[2,{"a":null}]]`, `{"z":1,"a":{"b":[true,false]},"m":"x"}`, `"2020-01-01"`,
	} {
		v, err := FromJSON([]byte(" " + text + "\n"))
		if err != nil {
			t.Errorf("FromJSON(%s): %v", text, err)
			continue
		}
		got, err := ToJSON(v)
		if err != nil || string(got) != text {
			t.Errorf("%s became %s, %v", text, got, err)
		}
	}
}

func TestJSONOfEqualNumbersIsEqual(t *testing.T) {
	for text, want := range map[string]string{
		`1.50`: `1.5`, `1e2`: `100`, `100`: `100`, `-0`: `0`, `0.000`: `0`, `1E+3`: `1000`, `2.50e-3`: `0.0025`, `1e60`: `1E+60`,
	} {
		v, err := FromJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ToJSON(v); err != nil || string(got) != want {
			t.Errorf("%s became %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestTemporalValuesBecomeISOStrings(t *testing.T) {
	v := eval(t, `{d: @"2020-01-02", t: @"10:00:00Z", dt: @"2020-01-02T10:00:00@Europe/Paris", dtd: @"P1DT2H", ymd: @"P14M", r: [1..2)}`, "")
	got, err := ToJSON(v)
	want := `{"d":"2020-01-02","t":"10:00:00Z","dt":"2020-01-02T10:00:00@Europe/Paris","dtd":"P1DT2H","ymd":"P1Y2M","r":"[1..2)"}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
}

func TestJSONThatCannotBeIsAnError(t *testing.T) {
	for _, text := range []string{``, `{`, `[1,]`, `nul`, `{"a":1e999999}`, `1 2`, strings.Repeat("[", 2000) + strings.Repeat("]", 2000)} {
		if v, err := FromJSON([]byte(text)); err == nil {
			t.Errorf("FromJSON(%.20s) = %v", text, v)
		}
	}
	if got, err := ToJSON(eval(t, `[function(x) x]`, "")); err == nil {
		t.Errorf("a function became %s", got)
	}
	shared := eval(t, `{a: [1,1,1,1,1,1,1,1,1,1], b: [a,a,a,a,a,a,a,a,a,a], c: [b,b,b,b,b,b,b,b,b,b], d: [c,c,c,c,c,c,c,c,c,c], e: [d,d,d,d,d,d,d,d,d,d], f: [e,e,e,e,e,e,e,e,e,e], g: [f,f,f,f,f,f,f,f,f,f]}.g`, "")
	if got, err := ToJSON(shared); err == nil {
		t.Errorf("ten million ones became %d bytes", len(got))
	}
}

func TestLazyAndDecodedContextsAreTheSame(t *testing.T) {
	text := []byte(` { "a" : {"b": [1, {"c": "x\ty"}, null, true]}, "é\u0041": -1.5e1, "a\"b": 2, "dup": 1, "dup": 2, "e": [ ], "o": { } } `)
	decoded, err := FromJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	lazy := JSONScope(text)
	if got, want := lazy.String(), decoded.String(); got != want {
		t.Errorf("lazy %s\nwant %s", got, want)
	}
	if !same(lazy, decoded) || lazy.Len() != 6 {
		t.Errorf("lazy %v with %d entries differs from %v", lazy, lazy.Len(), decoded)
	}
	for _, key := range []string{"a", "éA", `a"b`, "dup", "e", "o", "none", ""} {
		v, ok := lazy.Lookup(key)
		w, found := decoded.(Context).Lookup(key)
		if ok != found || ok && v.String() != w.String() {
			t.Errorf("%q is %v, %v; want %v, %v", key, v, ok, w, found)
		}
	}
	if got := lazy.With("z", Int(1)).Len(); got != 7 {
		t.Errorf("with one more it has %d entries", got)
	}
}

func TestAScopeThatIsNoJSONHasNothing(t *testing.T) {
	for _, text := range []string{``, `[]`, `1`, `{`, `{"a`, `{"a"`, `{"a":`, `{"a":}`, `{"a":[1,`, `{"a":"\`, `{a:1}`, `{"a":nul}`, `{"a":1x}`, `}`, `{"a" 1}`} {
		v, ok := JSONScope([]byte(text)).Lookup("a")
		if ok && v.Kind() != KindNull && v.Kind() != KindList {
			t.Errorf("%s: a is %v", text, v)
		}
		_ = JSONScope([]byte(text)).String()
	}
}

func TestGoValuesConvert(t *testing.T) {
	for _, c := range []struct {
		in   any
		want string
	}{
		{nil, `null`},
		{true, `true`},
		{"a", `"a"`},
		{1, `1`},
		{int8(-1), `-1`},
		{uint64(18446744073709551615), `18446744073709551615`},
		{0.1, `0.1`},
		{float32(0.1), `0.1`},
		{1e21, `1000000000000000000000`},
		{json.Number("12.50"), `12.5`},
		{json.RawMessage(`{"a":1}`), `{a: 1}`},
		{[]any{1, "b", nil}, `[1, "b", null]`},
		{map[string]any{"b": 1, "a": []any{}}, `{a: [], b: 1}`},
		{Int(1), `1`},
		{time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC), `@"2020-01-02T03:04:05Z"`},
		{90 * time.Second, `@"PT1M30S"`},
	} {
		if got, err := FromGo(c.in); err != nil || got.String() != c.want {
			t.Errorf("FromGo(%#v) = %v, %v; want %s", c.in, got, err, c.want)
		}
	}
	for _, in := range []any{struct{}{}, []string{}, map[string]any{"a": make(chan int)}, []any{struct{}{}}, json.Number("x")} {
		if got, err := FromGo(in); err == nil {
			t.Errorf("FromGo(%#v) = %v", in, got)
		}
	}
}

func TestLargeContextsFindTheirKeys(t *testing.T) {
	entries := make([]Entry, 100)
	for i := range entries {
		entries[i] = Entry{strings.Repeat("k", i+1), Int(int64(i))}
	}
	c := NewContext(entries...)
	for i, e := range entries {
		if v, ok := c.Lookup(e.Key); !ok || v.String() != Int(int64(i)).String() {
			t.Fatalf("entry %d is %v, %v", i, v, ok)
		}
	}
	if c = NewContext(append(entries, Entry{"k", Null{}})...); c.Len() != 100 || c.Entries()[0].Value.Kind() != KindNull {
		t.Errorf("a repeated key made %d entries, first %v", c.Len(), c.Entries()[0])
	}
}

func TestAccessorsOfNumbers(t *testing.T) {
	if n, ok := Int(7).Int64(); !ok || n != 7 {
		t.Errorf("got %d, %v", n, ok)
	}
	n, err := ParseNumber("1.5")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := n.Int64(); ok || n.Float64() != 1.5 || n.Cmp(Int(1)) != 1 {
		t.Errorf("1.5 is %v, %v", n.Float64(), n.Cmp(Int(1)))
	}
	var zero Number
	if zero.String() != "0" || zero.Cmp(Int(0)) != 0 {
		t.Errorf("the zero Number is %v", zero)
	}
	if IsTrue(nil) || IsTrue(String("true")) || !IsTrue(Bool(true)) {
		t.Error("IsTrue is wrong")
	}
}
