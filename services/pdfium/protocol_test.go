package pdfium_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docsaga/docsaga/services/pdfium"
)

func fullReport() pdfium.Report {
	return pdfium.Report{
		Pages: 2, Encryption: 6, Metadata: map[string]string{"Title": "T"},
		PageTexts:   []pdfium.PageText{{Width: 1, Height: 2, Text: "text", Runs: []pdfium.Run{{Text: "t", Left: 1}}}},
		Attachments: []pdfium.Attachment{{Name: "none"}, {Name: "a", Size: 5, Content: []byte("hello")}},
		Fields:      []pdfium.Field{{Name: "f", Type: "list", Values: []string{"x"}}},
		Widgets:     1, Filled: 1,
		Outline:    []pdfium.OutlineItem{{Title: "o", Level: 1}},
		Scripts:    []pdfium.Script{{Name: "s", Source: "x"}},
		Signatures: []pdfium.Signature{{ByteRange: []int{0, 1}, Contents: []byte{1, 2}}},
		Pictures:   []pdfium.Picture{{Page: 1, Width: 3, Height: 4, Size: 3, PNG: []byte("png")}},
		Decrypted:  []byte("%PDF"),
		Cut:        []string{"text"}, Faults: []string{"f"},
	}
}

func TestAReportTravelsWhole(t *testing.T) {
	var wire bytes.Buffer
	if err := pdfium.WriteReply(&wire, fullReport()); err != nil {
		t.Fatal(err)
	}
	got, err := pdfium.ReadReply(&wire)
	if err != nil {
		t.Fatal(err)
	}
	want := fullReport()
	want.Attachments[1].SHA256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnAnswerThatDoesNotAddUpIsRefused(t *testing.T) {
	for name, change := range map[string]func(*pdfium.Report){
		"more than there is": func(r *pdfium.Report) { r.Attachments[1].Size = 500 },
		"less than there is": func(r *pdfium.Report) { r.Attachments[1].Size = 1 },
		"a negative size":    func(r *pdfium.Report) { r.Pictures[0].Size = -3 },
	} {
		report := fullReport()
		change(&report)
		var wire bytes.Buffer
		if err := pdfium.WriteReply(&wire, report); err != nil {
			t.Fatal(err)
		}
		if _, err := pdfium.ReadReply(&wire); !errors.Is(err, pdfium.ErrCrashed) {
			t.Errorf("%s: got %v, want ErrCrashed", name, err)
		}
	}
}

func TestAFrameIsNotReadBeyondItsLimits(t *testing.T) {
	var whole bytes.Buffer
	if err := pdfium.WriteReply(&whole, fullReport()); err != nil {
		t.Fatal(err)
	}
	if _, err := pdfium.ReadReply(strings.NewReader("")); !errors.Is(err, io.EOF) {
		t.Errorf("nothing: got %v, want io.EOF", err)
	}
	for n := 1; n < whole.Len(); n++ {
		if _, err := pdfium.ReadReply(bytes.NewReader(whole.Bytes()[:n])); err == nil {
			t.Fatalf("cut off after %d bytes: got %v, want an error", n, err)
		}
	}
	if _, err := pdfium.ReadReply(strings.NewReader("\xff\xff\xff\xff\x00\x00\x00\x00")); !errors.Is(err, pdfium.ErrTooLarge) {
		t.Errorf("a header of 4 GiB: got %v, want ErrTooLarge", err)
	}
	if _, err := pdfium.ReadReply(strings.NewReader("\x00\x00\x00\x02\xff\xff\xff\xff{}")); !errors.Is(err, pdfium.ErrTooLarge) {
		t.Errorf("a body of 4 GiB: got %v, want ErrTooLarge", err)
	}
}

// FuzzReadReply holds that nothing that a child says harms the parent.
func FuzzReadReply(f *testing.F) {
	var whole bytes.Buffer
	if err := pdfium.WriteReply(&whole, fullReport()); err != nil {
		f.Fatal(err)
	}
	f.Add(whole.Bytes())
	f.Add([]byte("\x00\x00\x00\x14\x00\x00\x00\x00{\"code\":\"password\"}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) >= 8 && (data[0]|data[4]) != 0 {
			t.Skip("would ask for much memory")
		}
		report, err := pdfium.ReadReply(bytes.NewReader(data))
		if err == nil && report == nil {
			t.Error("neither report nor error")
		}
	})
}
