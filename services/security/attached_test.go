package security_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/services/pdfium"
	"github.com/docsaga/docsaga/services/pdfium/pdfiumtest"
	"github.com/docsaga/docsaga/services/samples"
	"github.com/docsaga/docsaga/services/security"
	"github.com/docsaga/docsaga/services/security/scan"
)

func TestAnEncryptedAttachmentThatOpensIsLookedInto(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	script := samples.Document{Encryption: samples.AES256, Catalog: `/OpenAction << /S /Java#53cript /JS (app.alert\(1\)) >>`}
	program := samples.Document{Encryption: samples.AES128, Files: []samples.File{{Name: "tool", Content: []byte("\x7fELF" + strings.Repeat("\x00", 100))}}}
	for name, c := range map[string]struct {
		content samples.Document
		reason  string
	}{
		"a script":              {script, "active-content"},
		"a program in it":       {program, "active-content"},
		"the test virus in it":  {samples.Document{Encryption: samples.RC4, Files: []samples.File{{Name: "a", Content: samples.Eicar()}}}, "malware"},
		"a text":                {samples.Document{Encryption: samples.AES256, Pages: []string{"text"}}, ""},
		"one that is not clear": {samples.Document{Encryption: samples.AES256, Password: "needed"}, ""},
	} {
		inner := c.content.PDF()
		for depth := range 3 {
			inner = holding("inner.pdf", "application/pdf", inner)
			if _, err := visit(t, security.Config{}, pool, inner); reason(err) != c.reason {
				t.Errorf("%s, %d deep: got %v, want %q", name, depth+1, err, c.reason)
			}
		}
	}
}

func TestAttachmentsThatCannotBeLookedIntoAreFlagged(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	deep := samples.Document{Title: "innermost"}.PDF()
	for range 6 {
		deep = holding("inner.pdf", "application/pdf", deep)
	}
	many := samples.Document{}
	for i := range 21 {
		many.Files = append(many.Files, samples.File{Name: fmt.Sprintf("%d.pdf", i), Content: samples.Document{Title: strconv.Itoa(i)}.PDF()})
	}
	for name, content := range map[string][]byte{
		"a password":   holding("a.pdf", "application/pdf", samples.Document{Encryption: samples.AES256, Password: "needed"}.PDF()),
		"a wreck":      holding("a.pdf", "application/pdf", []byte("%PDF-1.7\nno more than this")),
		"six deep":     deep,
		"21 in a file": many.PDF(),
	} {
		out, err := visit(t, security.Config{}, pool, content)
		if err != nil || !slices.ContainsFunc(out.Findings, func(f security.Finding) bool { return f.Kind == scan.Unscanned && f.Action == security.Flag }) {
			t.Errorf("%s: got %+v, %v, want it flagged as not scanned", name, out.Findings, err)
		}
	}
}
