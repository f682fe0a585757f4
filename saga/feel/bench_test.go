package feel

import (
	"bytes"
	"fmt"
	"testing"
)

// documentContext is the context of a document on its way: outputs of five
// steps, about 2 KB.
func documentContext() []byte {
	var b bytes.Buffer
	b.WriteString(`{"location":{"name":"invoice.pdf","size":123456,"mediaType":"application/pdf"},"parsing":{"pages":[`)
	for i := range 20 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"number":%d,"width":595.28,"height":841.89,"words":%d,"fonts":["Helvetica","Times"]}`, i+1, 300+i)
	}
	b.WriteString(`],"title":"Invoice \"2024\""},"security":{"findings":0,"scanners":["a","b"]},"amount":1234.50,"approved":true}`)
	return b.Bytes()
}

func BenchmarkGuardOverJSON(b *testing.B) {
	raw := documentContext()
	for _, bench := range []struct{ name, src string }{
		{"findings=0", `security.findings = 0`},
		{"amount+flag", `amount > 100 and not(approved)`},
		{"some page", `some p in parsing.pages satisfies p.words > 10000`},
	} {
		x, err := Parse(bench.src)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("lazy/"+bench.name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := x.Eval(JSONScope(raw), Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("decoded/"+bench.name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				v, err := FromJSON(raw)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := x.Eval(v.(Context), Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(`amount > 100 and not(approved) or count(items[price > 5]) >= 3`); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoop(b *testing.B) {
	x, err := Parse(`sum(for i in 1..1000 return i * 1.1)`)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := x.Eval(nil, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
