package security_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/docsaga/docsaga/services/pdfium"
	"github.com/docsaga/docsaga/services/pdfium/pdfiumtest"
	"github.com/docsaga/docsaga/services/samples"
	"github.com/docsaga/docsaga/services/security"
	"github.com/docsaga/docsaga/services/security/scan"
)

// hidden is a document of three pages whose script only pdfium can see.
func hidden() []byte {
	inner := samples.Document{Pages: []string{"x"}, Catalog: "/OpenAction << /S /JavaScript /JS (x) >>"}
	return samples.Document{
		Pages: []string{"1", "2", "3"}, Encryption: samples.RC4, Files: []samples.File{{Name: "a.pdf", Content: inner.PDF()}},
	}.PDF()
}

func TestMorePagesThanAreReadDoNotHideAScript(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	for name, content := range map[string][]byte{
		"the document":    hidden(),
		"an attached PDF": holding("a.pdf", "application/pdf", hidden()),
	} {
		for pages, want := range map[int]string{2: "too-large", 3: "active-content"} {
			conf := security.Config{Reading: pdfium.Limits{Pages: pages}}
			if _, err := visit(t, conf, pool, content); reason(err) != want {
				t.Errorf("%s, with %d pages read: got %v, want %s", name, pages, err, want)
			}
		}
	}
}

// failing is a pool that gives no report of the files of a kind.
type failing struct {
	security.Inspector
	of   func(pdf []byte) bool
	with error
}

// Inspect fails for the files of the kind.
func (f failing) Inspect(ctx context.Context, pdf []byte, want pdfium.Want) (pdfium.Report, error) {
	if f.of(pdf) {
		return pdfium.Report{}, fmt.Errorf("in a test: %w", f.with)
	}
	return f.Inspector.Inspect(ctx, pdf, want)
}

func TestWhatCouldNotBeInspectedDoesNotPass(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	inner := hidden()
	outer := holding("a.pdf", "application/pdf", inner)
	for _, c := range []struct {
		err    error
		kind   scan.Kind
		reason string
	}{
		{pdfium.ErrTimeout, security.Timeout, "timeout"},
		{pdfium.ErrMemory, security.TooLarge, "too-large"},
		{pdfium.ErrTooManyPages, security.TooLarge, "too-large"},
		{pdfium.ErrTooLarge, security.TooLarge, "too-large"},
		{pdfium.ErrCrashed, security.Crashed, "unreadable"},
	} {
		for name, pdf := range map[string][]byte{"the document": outer, "an attached PDF": inner} {
			fails := failing{pool, func(p []byte) bool { return bytes.Equal(p, pdf) }, c.err}
			if _, err := visit(t, security.Config{}, fails, outer); reason(err) != c.reason {
				t.Errorf("%s, %v: got %v, want %s", name, c.err, err, c.reason)
			}
			lenient := security.Config{Policy: security.Policy{c.kind: security.Flag}}
			got, err := visit(t, lenient, fails, outer)
			if err != nil || !slices.ContainsFunc(got.Findings, func(f security.Finding) bool { return f.Kind == c.kind }) {
				t.Errorf("%s, %v: got %+v, %v, want it to pass with a flag, as the policy says", name, c.err, got.Findings, err)
			}
		}
	}
}

func TestAScriptThatIsPlainCountsMoreThanADeadline(t *testing.T) {
	content := samples.Document{Catalog: "/OpenAction << /S /JavaScript /JS (x) >>"}.PDF()
	fails := failing{nil, func([]byte) bool { return true }, pdfium.ErrTimeout}
	if _, err := visit(t, security.Config{}, fails, content); reason(err) != "active-content" {
		t.Errorf("got %v, want active-content", err)
	}
}

// shortened is a pool whose reports leave something out.
type shortened struct{ report pdfium.Report }

// Inspect returns the report.
func (s shortened) Inspect(context.Context, []byte, pdfium.Want) (pdfium.Report, error) {
	return s.report, nil
}

func TestWhatAReportLeavesOutIsFlagged(t *testing.T) {
	for detail, report := range map[string]pdfium.Report{
		"more attachments than are looked at":   {Cut: []string{"attachments"}},
		"it could not be read: attachment 2: x": {Faults: []string{"attachment 2: x"}},
	} {
		got, err := visit(t, security.Config{}, shortened{report}, samples.Document{}.PDF())
		want := security.Finding{Kind: scan.Unscanned, Detail: detail, Action: security.Flag}
		if err != nil || !slices.Contains(got.Findings, want) {
			t.Errorf("got %+v, %v, want %+v", got.Findings, err, want)
		}
	}
}
