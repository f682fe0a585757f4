package console_test

import (
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// onTo presses Tab until an element has the focus, as one does who has no
// mouse.
func (b *browser) onTo(selector string) {
	b.t.Helper()
	for range 60 {
		if eval[bool](b, `document.activeElement.matches(`+"`"+selector+"`"+`)`) {
			if eval[string](b, `getComputedStyle(document.activeElement).outlineStyle`) == "none" {
				b.t.Errorf("it cannot be seen that %s has the focus", selector)
			}
			return
		}
		b.press(kb.Tab)
	}
	b.t.Fatalf("%s cannot be reached by keyboard", selector)
}

func TestInABrowserAMessageIsToldByKeyboardAlone(t *testing.T) {
	b := browse(t)
	b.open("/messages")
	b.text("No document waits")
	b.until(`document.querySelector(".live").textContent === "live"`)
	b.system.Order("d", "order-7")
	b.text("order-7")
	b.sound("messages")
	b.picture("messages")
	b.onTo("input[name=name]")
	b.press("paid")
	b.onTo("input[name=key]")
	b.press("order-7")
	b.onTo("textarea[name=data]")
	b.press(`{"amount":12}`)
	b.onTo("main form button")
	b.press(kb.Enter)
	b.text("Message paid is told")
	b.text("signal stock-closed")
	b.onTo("select[name=kind]")
	b.press("s")
	b.onTo("input[name=name]")
	b.press("stock-closed" + kb.Enter)
	b.system.Await("d", "completed")
	b.text("No document waits")
}
