package natslog

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/docsaga/docsaga/events"
)

func FuzzParseAck(f *testing.F) {
	for _, s := range []string{
		`{"stream":"DOCSAGA_0","seq":17}`, `{"stream":"DOCSAGA_0", "seq":17}`, `{"stream":"DOCSAGA_0","seq":17,"duplicate":true}`, `{"stream":"`, `{"stream":""}`,
		`{"error":{"code":503,"err_code":10077,"description":"x"},"stream":"DOCSAGA_0","seq":0}`, `{"stream":"a","seq":99999999999999999999}`, `{"seq":1}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		quick, ok := quickAck(raw)
		seq, err := parseAck(raw)
		if err == nil && seq == 0 {
			t.Errorf("%q is taken for an acknowledgement of nothing", raw)
		}
		if !ok {
			return
		}
		var plain struct {
			Stream string `json:"stream"`
			Seq    uint64 `json:"seq"`
		}
		// What is read quickly is what the server said. Only it writes there.
		if json.Unmarshal(raw, &plain) == nil && plain.Seq != quick || err != nil || seq != quick {
			t.Errorf("%q is %d quickly, and %d otherwise (%v)", raw, quick, plain.Seq, err)
		}
	})
}

// What a header says must not depend on who reads it: other programs read the
// log with nats.go.
func FuzzAHeaderIsReadAsByNats(f *testing.F) {
	f.Add([]byte("NATS/1.0\r\nce-id: 1\r\nce-id: 2\r\n\r\n"))
	f.Add([]byte("NATS/1.0 503\r\n\r\n"))
	f.Add([]byte("NATS/1.0 100 Idle  Heartbeat \r\nA:\t b \r\n:c\n\nd"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		want, err := nats.DecodeHeadersMsg(raw)
		lines, ok := events.ParseHeader(string(raw))
		if ok != (err == nil) {
			t.Fatalf("%q: it is %v that it is a header, nats.go says %v", raw, ok, err)
		}
		if ok && !reflect.DeepEqual(events.Header(want), lines.Header()) {
			t.Errorf("%q: %q, want %q", raw, lines.Header(), want)
		}
	})
}

func FuzzParseRef(f *testing.F) {
	for _, s := range []string{"pdf-validation.3", "a.0", "a.01", ".1", "a.b.1", "a.-1", "a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if ref, ok := parseRef(key); ok && ref.String() != key {
			t.Errorf("%q is %v, which is written %q", key, ref, ref.String())
		}
	})
}
