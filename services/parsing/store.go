package parsing

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"path"
	"strings"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/pdfium"
	"github.com/docsaga/docsaga/services/runner"
)

const (
	// maxInline is how many bytes of JSON one part of the output may have
	// before it goes to the file store. There are four such parts.
	maxInline = 24 << 10
	// maxAttachments is how many attachments are kept; more are cut.
	maxAttachments = 1000
)

// store puts what is large into the file store and returns the output.
func (h *Handler) store(ctx context.Context, v runner.Visit, r pdfium.Report) (*Output, error) {
	put := putter{ctx: ctx, files: h.files, visit: v}
	out := &Output{
		Pages: r.Pages, Metadata: metadata(r.Metadata),
		FormWidgets: r.Widgets, FormValues: r.Filled,
		Fields: r.Fields, Outline: r.Outline, Cut: r.Cut, Faults: r.Faults,
	}
	out.Text = r.HasText()
	if text := pageTexts(r.PageTexts); text != "" {
		out.TextFile = put.bytes("text/plain; charset=utf-8", []byte(text))
	}
	if h.conf.Layout && len(r.PageTexts) > 0 {
		out.Layout = put.json(r.PageTexts)
	}
	for _, picture := range r.Pictures {
		out.FirstPage = put.bytes("image/png", picture.PNG)
	}
	if len(r.Attachments) > maxAttachments {
		r.Attachments = r.Attachments[:maxAttachments]
		out.Cut = append(out.Cut, "attachments")
	}
	out.Attachments = make([]Attachment, 0, len(r.Attachments))
	for _, a := range r.Attachments {
		kept := Attachment{Name: a.Name, MediaType: mediaType(a)}
		if a.Content != nil {
			kept.File = put.bytes(kept.MediaType, a.Content)
		}
		out.Attachments = append(out.Attachments, kept)
		if out.InvoiceXML == nil && isInvoice(a.Name) && kept.File != nil {
			out.InvoiceXML = &kept
		}
	}
	if out.AttachmentsFile = put.large(out.Attachments); out.AttachmentsFile != nil {
		out.Attachments = []Attachment{}
	}
	if out.FieldsFile = put.large(out.Fields); out.FieldsFile != nil {
		out.Fields = nil
	}
	if out.OutlineFile = put.large(out.Outline); out.OutlineFile != nil {
		out.Outline = nil
	}
	if put.err != nil {
		return nil, put.err
	}
	return out, nil
}

// metadata shortens values so that together they fit into an event.
func metadata(m map[string]string) map[string]string {
	out := make(map[string]string, len(m))
	for key, value := range m {
		if len(value) > 1024 {
			value = strings.ToValidUTF8(value[:1024], "")
		}
		out[key] = value
	}
	return out
}

func pageTexts(pages []pdfium.PageText) string {
	var all strings.Builder
	some := false
	for i, page := range pages {
		if i > 0 {
			all.WriteByte('\f')
		}
		all.WriteString(page.Text)
		some = some || page.Text != ""
	}
	if !some {
		return ""
	}
	return all.String()
}

// isInvoice reports whether a name is one that ZUGFeRD, Factur-X or XRechnung
// prescribes for the invoice.
func isInvoice(name string) bool {
	for _, known := range []string{"factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml"} {
		if strings.EqualFold(path.Base(strings.ReplaceAll(name, `\`, "/")), known) {
			return true
		}
	}
	return false
}

// mediaType goes by the bytes and the name.
func mediaType(a pdfium.Attachment) string {
	kind := http.DetectContentType(a.Content)
	xml := strings.EqualFold(path.Ext(a.Name), ".xml") || strings.HasPrefix(kind, "text/xml")
	if xml && strings.HasPrefix(kind, "text/") {
		return "application/xml"
	}
	return kind
}

// A putter puts one file after another, until one fails.
type putter struct {
	ctx   context.Context //nolint:containedctx // it lives as long as one call of store
	files Files
	visit runner.Visit
	err   error
}

func (p *putter) bytes(mediaType string, content []byte) *events.File {
	if p.err != nil {
		return nil
	}
	var f events.File
	f, p.err = p.files.Put(p.ctx, p.visit.Document, p.visit.Owner(), mediaType, bytes.NewReader(content))
	return &f
}

func (p *putter) json(content any) *events.File {
	encoded, err := json.Marshal(content)
	if err != nil {
		p.err = err
		return nil
	}
	return p.bytes("application/json", encoded)
}

// large puts content only if it is too large for an event.
func (p *putter) large(content any) *events.File {
	encoded, err := json.Marshal(content)
	if err != nil {
		p.err = err
		return nil
	}
	if len(encoded) <= maxInline {
		return nil
	}
	return p.bytes("application/json", encoded)
}
