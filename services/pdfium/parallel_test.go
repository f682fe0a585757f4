package pdfium_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/docsaga/docsaga/services/pdfium"
	"github.com/docsaga/docsaga/services/pdfium/pdfiumtest"
)

// TestOneHostileFileHarmsNoOther reads good files while others crash, hang and
// fill the memory of their children.
func TestOneHostileFileHarmsNoOther(t *testing.T) {
	conf := pdfiumtest.Config(t)
	conf.Size, conf.Deadline = 2, 2*time.Second
	pool := pdfiumtest.Pool(t, conf)
	hostile := []struct {
		file []byte
		want error
	}{
		{bombPDF(), pdfium.ErrMemory},
		{slowPDF(), pdfium.ErrTimeout},
		{[]byte("nothing"), pdfium.ErrUnreadable},
	}
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() {
			if i%4 == 0 {
				h := hostile[i/4%len(hostile)]
				_, err := pool.Inspect(t.Context(), h.file, pdfium.Want{Text: true, Pictures: []int{0}, Side: 4000})
				if !errors.Is(err, h.want) && !errors.Is(err, pdfium.ErrTimeout) { // under load anything may take too long
					t.Errorf("hostile file %d: got %v, want %v", i, err, h.want)
				}
				return
			}
			text := fmt.Sprintf("file %d", i)
			report, err := pool.Inspect(t.Context(), onePage("BT /F 12 Tf 20 50 Td ("+text+") Tj ET"), pdfium.Want{Text: true})
			if err != nil || report.PageTexts[0].Text != text {
				t.Errorf("good file %d: got %+v, %v", i, report.PageTexts, err)
			}
		})
	}
	all.Wait()
}
