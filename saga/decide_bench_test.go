package saga

import (
	"testing"
	"time"
)

// BenchmarkDecide measures what looking at a document costs when nothing is
// due, which is nearly always, and when its end is.
func BenchmarkDecide(b *testing.B) {
	d := line(b, 5)
	running := d.Fold(State{}, submitted())
	done := running
	for i := range 5 {
		done = d.Fold(done, completed(d.Nodes[i+1].ID, uint64(i+2))) //nolint:gosec // small
	}
	for name, s := range map[string]State{"running": running, "done": done} {
		want := 0
		if name == "done" {
			want = 1
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if due := d.Decide(&s, time.Time{}); len(due) != want {
					b.Fatalf("%d decisions, want %d", len(due), want)
				}
			}
		})
	}
}
