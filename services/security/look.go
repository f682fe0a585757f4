package security

import (
	"fmt"
	"slices"
	"strings"

	"github.com/docsaga/docsaga/services/pdfium"
	"github.com/docsaga/docsaga/services/runner"
	"github.com/docsaga/docsaga/services/security/scan"
)

// Output is what the service says of a document that passes.
type Output struct {
	ActiveContent           []string       `json:"activeContent"` // kinds of active content, sorted
	Encrypted               bool           `json:"encrypted"`
	ReadableWithoutPassword bool           `json:"readableWithoutPassword"` // encrypted, but with the empty password
	Signatures              []Signature    `json:"signatures"`
	EmbeddedFiles           []EmbeddedFile `json:"embeddedFiles"`
	Findings                []Finding      `json:"findings"`

	// Preview is there if the document is rejected for its active content.
	Preview *Preview `json:"preview,omitempty"`
}

// A Preview tells what a document would have been that goes no further. The
// words are those of the parsing step's output.
type Preview struct {
	Pages       int      `json:"pages"`
	Text        bool     `json:"text"`
	FormWidgets int      `json:"formWidgets"`
	FormValues  int      `json:"formValues"`
	Attachments []string `json:"attachments,omitempty"`
}

// A Finding is one thing found, and what followed from it.
type Finding struct {
	Kind   scan.Kind `json:"kind"`
	Object int       `json:"object,omitempty"` // number of the object in the file
	Detail string    `json:"detail,omitempty"`
	Action Action    `json:"action"`
}

// An EmbeddedFile is a file within the file.
type EmbeddedFile struct {
	Name string `json:"name,omitempty"` // unknown if only the bytes showed it
	Type string `json:"type"`           // by its own bytes: pdf, executable, zip, xml, ..., data
	Size int    `json:"size"`           // bytes
}

// What an output may hold of each; more are left out.
const (
	maxFindings = 200
	maxEmbedded = 200
	maxSigned   = 50
)

// A look is what is known about a file so far.
type look struct {
	findings   []scan.Finding
	embedded   []EmbeddedFile
	seen       map[string]int // SHA-256 of embedded files, to their place in embedded
	signatures []Signature
	encrypted  bool
	readable   bool
}

func (l *look) find(kind scan.Kind, object int, detail string) {
	f := scan.Finding{Kind: kind, Object: object, Detail: detail}
	if !slices.Contains(l.findings, f) {
		l.findings = append(l.findings, f)
	}
}

// scanned adds what a scan of the bytes has found.
func (l *look) scanned(r scan.Result) {
	for _, f := range r.Findings {
		l.find(f.Kind, f.Object, f.Detail)
	}
	l.within(r.Embedded, "")
}

// within adds files within the file, and what is in them.
func (l *look) within(files []scan.Embedded, path string) {
	for _, e := range files {
		if _, known := l.seen[e.SHA256]; !known {
			if l.seen == nil {
				l.seen = make(map[string]int)
			}
			l.seen[e.SHA256] = len(l.embedded)
			l.embedded = append(l.embedded, EmbeddedFile{Type: e.Type, Size: e.Size})
		}
		inner := fmt.Sprintf("%sembedded file in object %d", path, e.Object)
		for _, f := range e.Findings {
			detail := "in " + inner
			if f.Detail != "" {
				detail = f.Detail + ", " + detail
			}
			l.find(f.Kind, f.Object, detail)
		}
		l.within(e.Embedded, inner+", ")
	}
}

// attached adds an attachment that pdfium has found.
func (l *look) attached(a pdfium.Attachment, limits scan.Limits) {
	if at, known := l.seen[a.SHA256]; known && a.SHA256 != "" {
		l.embedded[at].Name = a.Name
		return
	}
	l.find(scan.EmbeddedFile, 0, "")
	if e := scan.File(a.Content, limits); e.Type != "" {
		l.within([]scan.Embedded{e}, "")
		l.embedded[l.seen[e.SHA256]].Name = a.Name
	}
}

// unread adds what pdfium has left out or could not read.
func (l *look) unread(report pdfium.Report) {
	for _, part := range report.Cut {
		l.find(scan.Unscanned, 0, "more "+part+" than are looked at")
	}
	for _, fault := range report.Faults {
		l.find(scan.Unscanned, 0, "it could not be read: "+fault)
	}
}

func (l *look) signed(s Signature) {
	l.signatures = append(l.signatures, s)
	switch {
	case s.State == Altered:
		l.find(AlteredSignature, 0, s.Detail)
	case s.Covers == "parts":
		l.find(AlteredSignature, 0, "the signature leaves out more than itself")
	}
}

// decide returns the output, and the rejection that the policy wants, which
// carries it too.
func (l *look) decide(policy Policy) (Output, error) {
	out := Output{
		Encrypted: l.encrypted, ReadableWithoutPassword: l.readable,
		ActiveContent: []string{}, Findings: []Finding{},
		Signatures:    l.signatures[:min(len(l.signatures), maxSigned)],
		EmbeddedFiles: l.embedded[:min(len(l.embedded), maxEmbedded)],
	}
	if out.Signatures == nil {
		out.Signatures = []Signature{}
	}
	if out.EmbeddedFiles == nil {
		out.EmbeddedFiles = []EmbeddedFile{}
	}
	refused := refusal{rank: -1}
	for _, f := range l.findings {
		action := policy.action(f.Kind)
		if action == Reject {
			refused.add(f)
		}
		if active(f.Kind) && !slices.Contains(out.ActiveContent, string(f.Kind)) {
			out.ActiveContent = append(out.ActiveContent, string(f.Kind))
		}
		if len(out.Findings) < maxFindings {
			out.Findings = append(out.Findings, Finding{Kind: f.Kind, Object: f.Object, Detail: f.Detail, Action: action})
		}
	}
	slices.Sort(out.ActiveContent)
	if refused.rank >= 0 {
		rejection := refused.rejection()
		rejection.Output = out
		return out, rejection
	}
	return out, nil
}

// A refusal gathers why a document is rejected.
type refusal struct {
	reason string
	rank   int // -1 for none
	kinds  []string
	detail string
}

func (r *refusal) add(f scan.Finding) {
	reason, rank := reasonOf(f.Kind)
	if r.rank >= 0 && rank > r.rank {
		return
	}
	if rank != r.rank {
		*r = refusal{reason: reason, rank: rank, detail: f.Detail}
	}
	if !slices.Contains(r.kinds, string(f.Kind)) {
		r.kinds = append(r.kinds, string(f.Kind))
	}
}

// rejection names the kinds found, separated by comma and space, and after a
// colon the detail of the first.
func (r *refusal) rejection() *runner.Rejection {
	message := strings.Join(r.kinds, ", ")
	if r.detail != "" {
		message += ": " + r.detail
	}
	return &runner.Rejection{Code: r.reason, Message: message}
}
