package console_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/events"
)

// A browser is Chromium, and what it complained about.
type browser struct {
	*site
	ctx context.Context

	mu         sync.Mutex
	complaints []string
}

// browse starts Chromium. Whatever it complains about fails the test.
func browse(t *testing.T) *browser {
	t.Helper()
	path := os.Getenv("DOCSAGA_TEST_CHROMIUM")
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	if path == "" {
		t.Skip("NOT TESTED: the console in a real browser. Install Debian's chromium, or set DOCSAGA_TEST_CHROMIUM to the path of one")
	}
	b := &browser{site: start(t, api.Config{}, "")}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.WindowSize(1280, 900), chromedp.Flag("force-prefers-reduced-motion", true))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	ctx, cancelAllocator := chromedp.NewExecAllocator(ctx, options...)
	ctx, cancelBrowser := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		cancelBrowser()
		cancelAllocator()
		cancel()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, c := range b.complaints {
			t.Errorf("the browser complains: %s", c)
		}
	})
	b.ctx = ctx
	b.run(chromedp.Navigate("about:blank"), command(log.Enable, cdp.Empty{}), command(runtime.Enable, cdp.Empty{}))
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *browser) listen(event any) {
	complaint := ""
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == "error" || e.Entry.Level == "warning" {
			complaint = fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		complaint = fmt.Sprintf("%+v", e.ExceptionDetails)
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" {
			complaint = fmt.Sprintf("console.%s: %s", e.Type, e.Args[0].Value)
		}
	}
	if complaint != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.complaints = append(b.complaints, complaint)
	}
}

// command is a command of the browser's protocol as a step.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

// theme makes the page light or dark.
func theme(name string) chromedp.Action[chromedp.Void] {
	return command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}})
}

func (b *browser) run(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// eval returns what a script says.
func eval[T any](b *browser, script string, options ...chromedp.EvaluateOption) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script, options...))
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

func (b *browser) open(path string) { b.t.Helper(); b.run(chromedp.Navigate(b.url + path)) }

// until waits until an expression is true in the page.
func (b *browser) until(expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 15*time.Second)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		_, err := chromedp.Run(ctx, chromedp.Poll[bool](expression))
		if err == nil {
			return
		}
		select {
		case <-again.C: // a page that goes away meanwhile is asked again
		case <-ctx.Done():
			b.t.Fatalf("%s: %v\n%s", expression, err, eval[string](b, `document.body.innerText`))
		}
	}
}

// keys types into an element. chromedp's own SendKeys reads the attributes of
// elements while the page changes them, which the race detector reports.
func (b *browser) keys(selector, keys string) {
	b.t.Helper()
	_ = eval[bool](b, fmt.Sprintf(`document.querySelector(%q).focus(), true`, selector))
	b.run(chromedp.KeyEvent(keys))
}

// press types where the focus is.
func (b *browser) press(keys string) { b.t.Helper(); b.run(chromedp.KeyEvent(keys)) }

func (b *browser) text(want string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`document.body.innerText.includes(%q)`, want))
}

// picture keeps a screenshot in both themes, if they are wanted.
func (b *browser) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("DOCSAGA_TEST_SCREENSHOTS")
	if dir == "" {
		return
	}
	for _, shade := range []string{"light", "dark"} {
		b.run(theme(shade))
		png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name+"-"+shade+".png"), png, 0o600)
		}
		if err != nil {
			b.t.Fatal(err)
		}
	}
}

// sound fails the test for what axe-core finds serious, in both themes, and at
// the width of a phone.
func (b *browser) sound(name string) {
	b.t.Helper()
	b.still(name)
	b.run(chromedp.EmulateViewport(360, 740))
	if eval[int](b, `document.documentElement.scrollWidth`) > 362 {
		b.t.Errorf("%s: at the width of a phone the page scrolls sideways", name)
	}
	b.run(chromedp.EmulateViewport(1280, 900))
	axe, err := os.ReadFile(os.Getenv("DOCSAGA_TEST_AXE"))
	if err != nil {
		b.t.Logf("NOT TESTED: %s with axe-core. Set DOCSAGA_TEST_AXE to the path of axe.min.js (npm pack axe-core)", name)
		return
	}
	for _, shade := range []string{"light", "dark"} {
		b.run(theme(shade))
		_ = eval[bool](b, string(axe)+"; true")
		found := eval[[]string](b, `axe.run({exclude: [".djs-container"]}).then(r => r.violations
			.filter(v => ["serious", "critical"].includes(v.impact))
			.map(v => v.id + ": " + v.nodes.map(n => n.html).join(" | ").slice(0, 300)))`, chromedp.EvalAwaitPromise)
		for _, f := range found {
			b.t.Errorf("%s, %s: axe-core: %s", name, shade, f)
		}
	}
}

// still fails the test if the page has moved noticeably by itself since it was
// loaded: browsers call a sum of 0.1 good.
func (b *browser) still(name string) {
	b.t.Helper()
	moved := eval[[]string](b, `new Promise(done => {
		const found = [];
		let sum = 0;
		new PerformanceObserver(list => list.getEntries().forEach(e => {
			if (e.hadRecentInput) return;
			sum += e.value;
			found.push(e.value.toFixed(4) + " " + e.sources.map(s => s.node && (s.node.outerHTML || s.node.textContent)).join(" | ").slice(0, 300));
		})).observe({type: "layout-shift", buffered: true});
		setTimeout(() => done(sum > 0.01 ? found : []), 100);
	})`, chromedp.EvalAwaitPromise)
	for _, m := range moved {
		b.t.Errorf("%s: the page shifts: %s", name, m)
	}
}

func (b *browser) pdf() string {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), "bill.pdf")
	if err := os.WriteFile(path, []byte("%PDF-1.7\n"), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

func TestInABrowserADocumentBecomesVerifiedLive(t *testing.T) {
	b := browse(t)
	b.open("/")
	b.text("No document yet")
	b.sound("empty list")
	b.run(chromedp.SetUploadFiles(`input[type=file]`, []string{b.pdf()}), chromedp.Submit(`input[type=file]`))
	b.text("bill.pdf")
	b.until(`document.querySelector(".diagram").dataset.ready === "true"`)
	b.until(`document.querySelector(".live").textContent === "live"`)
	b.until(`document.querySelector('[data-element-id="location"]').classList.contains("at")`)
	id := events.DocumentID(strings.TrimPrefix(eval[string](b, `location.pathname`), "/documents/"))
	_ = eval[bool](b, `window.stayed = true`)
	b.system.Verify(id)
	b.until(`document.querySelector("#moment .state").textContent === "verified"`)
	b.until(`document.querySelector('[data-element-id="records"]').classList.contains("done")`)
	b.until(`window.stayed === true && document.querySelector("#slider").value === document.querySelector("#slider").max`)
	b.sound("document")
	b.picture("document")
	b.run(chromedp.Navigate(b.url + "/?state=completed"))
	b.text("verified")
	b.sound("list")
	b.picture("documents")
}

func TestInABrowserTheSliderMovesAllTogether(t *testing.T) {
	b := browse(t)
	b.system.Reject("d", "wrong.pdf")
	b.open("/documents/d")
	b.until(`document.querySelector(".diagram").dataset.ready === "true"`)
	b.until(`document.querySelector('[data-element-id="location"]').classList.contains("undone")`)
	b.until(`document.querySelector('[data-element-id="validation"]').classList.contains("failed")`)
	// To before the undo, by keyboard.
	b.keys("#slider", kb.Home+kb.ArrowRight+kb.ArrowRight+kb.ArrowRight)
	b.until(`document.querySelector("#moment .state").textContent === "running"`)
	b.until(`document.querySelector('[data-element-id="location"]').classList.contains("done")`)
	b.until(`document.querySelector('[data-element-id="validation"]').classList.contains("at")`)
	b.text("If it were stopped here")
	b.until(`document.querySelector("#moment ol").innerText.includes("Fetch the file")`)
	b.until(`document.querySelector("#nth").textContent === "4" && document.querySelector("tr.now a").textContent === "4"`)
	b.until(`document.querySelector("#moment dd").textContent === "docsaga.parsing.completed"`)
	// What is below stays where it is, wherever the slider is.
	const below = `document.querySelector("#moment").nextElementSibling.offsetTop`
	top := eval[int](b, below)
	for range 9 {
		b.keys("#slider", kb.ArrowRight)
		b.until(`document.querySelector("#nth").textContent === document.querySelector("#slider").value`)
		b.until(`document.querySelector("#moment h2:last-of-type") !== null && document.querySelector("#marks") !== null`)
		if now := eval[int](b, below); now != top {
			b.t.Errorf("the timeline moves from %d to %d with the slider", top, now)
		}
	}
	b.keys("#slider", kb.Home+kb.ArrowRight+kb.ArrowRight+kb.ArrowRight)
	b.until(`document.querySelector("#moment dd").textContent === "docsaga.parsing.completed"`)
	b.sound("document in the past")
	b.picture("document-before-undo")
}

func TestInABrowserAnIncidentIsRetried(t *testing.T) {
	b := browse(t)
	b.open("/incidents")
	b.text("Nothing waits")
	b.until(`document.querySelector(".live").textContent === "live"`)
	b.system.Submit("d", "x.pdf")
	b.system.Step("d", "location", events.Completed, `{}`)
	b.system.Step("d", "security", events.Rejected, "malware")
	b.system.Undone("d", "location", 1, events.Failed)
	b.text("no-answer")
	b.sound("incidents")
	b.picture("incidents")
	b.keys("input[name=reason]", "the store is up again")
	b.run(chromedp.Click(chromedp.CSS(`button[value=retry]`)))
	b.text("done, at ")
	b.system.Undone("d", "location", 2, events.Completed)
	b.text("Nothing waits")
}

func TestInABrowserADefinitionIsDeployedAndTheLogIsFollowed(t *testing.T) {
	b := browse(t)
	path := filepath.Join(t.TempDir(), "next.bpmn")
	if err := os.WriteFile(path, []byte(strings.Replace(string(b.system.Drawn()), "Fetch the file", "Get the file", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	b.open("/definitions")
	b.sound("definitions")
	b.picture("definitions")
	b.run(chromedp.SetUploadFiles(`input[type=file]`, []string{path}), chromedp.Submit(`input[type=file]`))
	b.text("What is different from version 1")
	b.open("/definitions/pdf-validation/1")
	b.until(`document.querySelector(".diagram").dataset.ready === "true"`)
	b.sound("definition")
	b.picture("definition")

	b.open("/log?type=submitted")
	b.until(`document.querySelector(".live").textContent === "live"`)
	b.system.Submit("one", "x")
	b.until(`document.querySelectorAll("#tail li").length === 1`)
	b.run(chromedp.Click("#pause"))
	b.system.Submit("two", "x")
	b.until(`document.querySelector("#pause").textContent.includes("1 held back")`)
	b.until(`document.querySelectorAll("#tail li").length === 1`)
	b.run(chromedp.Click("#pause"))
	b.until(`document.querySelectorAll("#tail li").length === 2`)
	b.sound("log")
	b.picture("log")
	b.open("/system")
	b.text("Shards and projections")
	b.sound("system")
	b.picture("system")
	b.open("/docs")
	b.text("curl")
	b.sound("docs")
}

func TestInABrowserAnExportedPageWorksAlone(t *testing.T) {
	b := browse(t)
	b.system.Reject("d", hostile)
	page := b.get("/documents/d/export", 200)
	path := filepath.Join(t.TempDir(), "d.html")
	if err := os.WriteFile(path, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	b.run(chromedp.Navigate("file://" + path))
	b.until(`document.body.dataset.ready === "true"`)
	b.until(`document.querySelector("#state").textContent.startsWith("rejected")`)
	b.keys("#slider", kb.Home)
	b.until(`document.querySelector("#state").textContent === "running"`)
	b.until(`document.querySelector('[data-element-id="location"]').classList.contains("at")`)
	b.sound("exported page")
	b.picture("export")
}

func TestInABrowserATaskIsClaimedAndCompleted(t *testing.T) {
	b := browse(t)
	b.system.Approve("d")
	b.open("/tasks")
	b.text("Approve the invoice")
	b.sound("tasks")
	b.picture("tasks")
	fill := func(verb string) {
		b.keys("input[name=actor]", "ann")
		b.keys("input[name=groups]", "accounting")
		b.keys("select[name=field-approved]", "yes")
		b.run(chromedp.Click(chromedp.CSS(`button[value=` + verb + `]`)))
	}
	fill("claim")
	b.text("claimed by ann")
	fill("complete")
	b.text("Nothing waits for people")
	b.system.Await("d", "completed")
}
