package pdfium

import (
	"strings"
	"unicode/utf8"
)

// Want says what [Pool.Inspect] reports besides the page count, the
// encryption and the metadata, which it always does. Each part costs time.
type Want struct {
	Text        bool // of every page
	Runs        bool // the places of the text, for templates; implies Text
	Attachments bool // with their bytes
	Forms       bool // fields, values and widgets
	Outline     bool
	Scripts     bool // JavaScript actions of the document
	Signatures  bool
	Decrypted   bool // a copy without encryption, if the file is encrypted

	Pictures []int // pages to draw, the first is 0; those that are not there are left out
	Side     int   // longest side of a picture in pixels; default 800, at most 4000

	Limits Limits
}

// Limits bounds a [Report]. A field that is 0 stands for its default.
type Limits struct {
	Pages       int // more are an [ErrTooManyPages]; default 5,000
	Text        int // bytes in all pages together; default 8 MiB, the rest is cut off
	Attachment  int // bytes of one; default 64 MiB, a larger one comes without its bytes
	Attachments int // bytes of all together; default 128 MiB
	Entries     int // outline items, form fields, scripts, signatures, attachments, each; default 10,000
}

// A Report is what pdfium has read in one file.
type Report struct {
	Pages    int               `json:"pages"`
	Metadata map[string]string `json:"metadata,omitempty"` // Title, Author, CreationDate, ..., without the empty ones

	// Encryption is the revision of the security handler (2 to 6), or 0 if
	// the file is not encrypted. A report exists only if the file opens with
	// the empty password.
	Encryption int `json:"encryption,omitempty"`

	PageTexts   []PageText    `json:"pageTexts,omitempty"`
	Attachments []Attachment  `json:"attachments,omitempty"`
	Fields      []Field       `json:"fields,omitempty"`
	Widgets     int           `json:"widgets,omitempty"` // how many fields there are, Fields may be cut
	Filled      int           `json:"filled,omitempty"`  // those of them that have a Value
	Outline     []OutlineItem `json:"outline,omitempty"`
	Scripts     []Script      `json:"scripts,omitempty"`
	Signatures  []Signature   `json:"signatures,omitempty"`
	Pictures    []Picture     `json:"pictures,omitempty"`

	// Decrypted is the file saved without its encryption, or nil.
	Decrypted []byte `json:"-"`

	// Cut names the parts that a limit has shortened: "text", "attachments",
	// "fields", "outline", "scripts", "signatures".
	Cut []string `json:"cut,omitempty"`
	// Faults says which parts could not be read, and why.
	Faults []string `json:"faults,omitempty"`
}

// A PageText is the text of one page. Lengths are in points (1/72 inch), the
// origin is the lower left corner.
type PageText struct {
	Width  float64 `json:"width"`
	Height float64 `json:"height"`
	Text   string  `json:"text"`
	Runs   []Run   `json:"runs,omitempty"`
}

// A Run is a piece of a line with one font, and its box on the page.
type Run struct {
	Text   string  `json:"text"`
	Left   float64 `json:"left"`
	Top    float64 `json:"top"`
	Right  float64 `json:"right"`
	Bottom float64 `json:"bottom"`
}

// An Attachment is a file embedded in the document.
type Attachment struct {
	Name    string `json:"name"`
	Subtype string `json:"subtype,omitempty"` // the media type that the file claims
	Size    int    `json:"size"`              // of Content, in bytes
	SHA256  string `json:"sha256,omitempty"`  // of Content, hexadecimal
	Content []byte `json:"-"`                 // nil if it was over a limit or unreadable
}

// A Field is one form widget; the radio buttons of one name on one page are
// one Field.
type Field struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`              // text, checkbox, radio, list, combo, button, signature, unknown
	Value   string   `json:"value,omitempty"`   // not of a checkbox, combo or list
	Values  []string `json:"values,omitempty"`  // what is selected, of a combo or list
	Checked bool     `json:"checked,omitempty"` // of a checkbox or radio
	Page    int      `json:"page"`              // the first is 0
}

// An OutlineItem is one bookmark.
type OutlineItem struct {
	Title string `json:"title"`
	Level int    `json:"level"` // 0 at the top
}

// A Script is a JavaScript action of the document.
type Script struct {
	Name   string `json:"name,omitempty"`
	Source string `json:"source"` // at most 4 KiB of it
}

// A Signature is a digital signature as the file states it, unchecked.
type Signature struct {
	ByteRange []int  `json:"byteRange"` // pairs of offset and length
	Contents  []byte `json:"contents"`  // DER, with trailing zeros
	SubFilter string `json:"subFilter,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Time      string `json:"time,omitempty"` // D:YYYYMMDDHHMMSS+XX'YY'
}

// A Picture is one page, drawn.
type Picture struct {
	Page   int    `json:"page"`
	Width  int    `json:"width"`  // pixels
	Height int    `json:"height"` // pixels
	Size   int    `json:"size"`   // of PNG, in bytes
	PNG    []byte `json:"-"`
}

// withDefaults returns w with every limit set and within its bounds.
func (w Want) withDefaults() Want {
	set := func(n *int, def int) {
		if *n <= 0 {
			*n = def
		}
	}
	set(&w.Side, 800)
	w.Side = min(w.Side, 4000)
	set(&w.Limits.Pages, 5000)
	set(&w.Limits.Text, 8<<20)
	set(&w.Limits.Attachment, 64<<20)
	set(&w.Limits.Attachments, 128<<20)
	set(&w.Limits.Entries, 10_000)
	w.Pictures = w.Pictures[:min(len(w.Pictures), 16)]
	w.Text = w.Text || w.Runs
	return w
}

// minText is how many characters make a text: fewer are page numbers and the
// like.
const minText = 20

// HasText reports whether the pages that were read have a text worth the name:
// 20 characters or more, white space around it aside.
func (r *Report) HasText() bool {
	var all strings.Builder
	for i, page := range r.PageTexts {
		if i > 0 {
			all.WriteByte('\f')
		}
		all.WriteString(page.Text)
	}
	return utf8.RuneCountInString(strings.TrimSpace(all.String())) >= minText
}
