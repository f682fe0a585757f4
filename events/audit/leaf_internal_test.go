package audit

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/docsaga/docsaga/events"
)

func deliveryWith(headers int) *events.Delivery {
	d := &events.Delivery{
		Event:   events.Event{Position: events.Position{Shard: 3, Seq: 70_000}, At: time.Unix(1_700_000_000, 5).UTC()},
		Message: events.Message{Subject: "docsaga.17.flow.1.doc.step.1.outcome", Data: []byte(`{"output":{"n":1}}`)},
	}
	h := events.Header{}
	for i := range headers {
		h[fmt.Sprintf("ce-header-%d", (i*7)%headers)] = []string{fmt.Sprint("value ", i), "second"}[:1+i%2]
	}
	d.Header = events.LinesOf(h)
	return d
}

func TestTheHashOfADeliveryIsThatOfItsLeaf(t *testing.T) {
	var buffer []byte
	for _, headers := range []int{0, 1, 9, 32, 100} {
		d := deliveryWith(headers)
		m := messageOf(d)
		want := tlog.RecordHash(m.appendLeaf(nil)) // as RFC 6962 says
		var got tlog.Hash
		if got, buffer = leafOf(d, buffer); got != want {
			t.Errorf("%d headers: %v, want %v", headers, got, want)
		}
		if got, _ := m.hash(nil); got != want {
			t.Errorf("%d headers: a message has %v, want %v", headers, got, want)
		}
	}
}

func TestHashingADeliveryAllocatesNothing(t *testing.T) {
	d, buffer := deliveryWith(9), make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { _, buffer = leafOf(d, buffer) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func BenchmarkLeaf(b *testing.B) {
	d, buffer := deliveryWith(9), make([]byte, 0, 4096)
	b.Run("of a delivery", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, buffer = leafOf(d, buffer)
		}
	})
	b.Run("of a message", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m := messageOf(d)
			_, buffer = m.hash(buffer)
		}
	})
}
