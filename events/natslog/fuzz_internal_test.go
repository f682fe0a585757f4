package natslog

import (
	"encoding/json"
	"testing"

	"github.com/nats-io/nats.go"
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

func FuzzParseMetadata(f *testing.F) {
	for _, reply := range []string{
		"$JS.ACK.DOCSAGA_0.security.1.17.9.1763880000123456789.4", "$JS.ACK._.hash.DOCSAGA_0.security.1.17.9.1763880000123456789.4.x", "$JS.ACK......1.1", "x",
	} {
		f.Add(reply)
	}
	f.Fuzz(func(t *testing.T, reply string) {
		m, ok := parseMetadata(reply)
		if !ok {
			return
		}
		msg := nats.Msg{Reply: reply, Sub: &nats.Subscription{}}
		full, err := msg.Metadata()
		if err != nil || m.seq != full.Sequence.Stream || m.attempt != full.NumDelivered || !m.at.Equal(full.Timestamp) {
			t.Errorf("%q: %+v, want %+v (%v)", reply, m, full, err)
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
