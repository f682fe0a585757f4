package console

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"strings"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/events"
)

const (
	maxExported = 64      // pictures in an exported page
	maxPicture  = 4 << 20 // bytes of one of them
)

type exportPage struct {
	*documentPage
	CSP     string
	Style   template.CSS
	Scripts []template.JS
	Drawn   string
	Images  []template.URL
	Moments []exportMoment
}

// An exportMoment is what the slider of an exported page shows.
type exportMoment struct {
	State   string `json:"state"`
	Stop    string `json:"stop"`
	Type    string `json:"type"`
	At      string `json:"at"`
	Payload string `json:"payload"`
	Marks   string `json:"marks"`
}

// export answers with one page that holds all about a document and needs
// nothing else: diagram, timeline, payloads, pages.
func (c *Console) export(w http.ResponseWriter, r *http.Request) error {
	page, versions, err := c.documentPage(r)
	if err != nil {
		return err
	}
	_, history, err := c.server.Past(r.Context(), page.ID, "")
	if err != nil {
		return err
	}
	out := exportPage{documentPage: page}
	for n := 1; n <= len(history); n++ {
		m, err := at(versions, history, n)
		if err != nil {
			return err
		}
		em := exportMoment{State: m.Shown.Word, Type: m.Event.Type(), At: m.Event.At.Format("2006-01-02 15:04:05.000"), Payload: m.Payload, Marks: m.Marks}
		if s := m.Record.Stop; s != nil {
			em.Stop = strings.TrimSpace(string(s.Step) + " " + s.Reason)
		}
		out.Moments = append(out.Moments, em)
	}
	if drawn, err := c.server.System().Target.Definition(r.Context(), page.Record.Definition, page.Record.Version); err == nil {
		out.Drawn = string(drawn)
	}
	if out.Images, err = c.images(r, page); err != nil {
		return err
	}
	if err := out.embed(); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := c.pages.ExecuteTemplate(&b, "export", out); err != nil {
		return fmt.Errorf("console: export: %w", err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", string(page.ID)+".html"))
	w.Header().Set("Content-Security-Policy", "sandbox; default-src 'none'")
	_, _ = w.Write(b.Bytes()) // the client has gone
	return nil
}

// embed puts the scripts and styles into the page, and a policy that lets only
// them run.
func (p *exportPage) embed() error {
	var style bytes.Buffer
	for _, name := range []string{"diagram-js.css", "console.css"} {
		content, err := assets.ReadFile("assets/" + name)
		if err != nil {
			return err
		}
		_, _ = style.Write(content) // never fails
	}
	p.Style = template.CSS(style.String()) //nolint:gosec // our own files
	var policy strings.Builder
	policy.WriteString("default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src")
	for _, name := range []string{"bpmn-navigated-viewer.min.js", "export.js"} {
		content, err := assets.ReadFile("assets/" + name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		policy.WriteString(" 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'")
		p.Scripts = append(p.Scripts, template.JS(content)) //nolint:gosec // our own files
	}
	p.CSP = policy.String()
	return nil
}

// Told returns the moments as JSON, for the page's script.
func (p exportPage) Told() (string, error) {
	raw, err := json.Marshal(p.Moments)
	return string(raw), err
}

// images returns the pictures of a document's pages as data URLs.
func (c *Console) images(r *http.Request, page *documentPage) ([]template.URL, error) {
	var list []template.URL
	for _, f := range page.Files {
		if f.MediaType != "image/png" && f.MediaType != "image/jpeg" || f.Size > maxPicture || len(list) == maxExported {
			continue
		}
		content, err := c.picture(r, page.ID, f)
		if err != nil {
			return nil, err
		}
		list = append(list, template.URL("data:"+f.MediaType+";base64,"+base64.StdEncoding.EncodeToString(content))) //nolint:gosec // of a known type
	}
	return list, nil
}

func (c *Console) picture(r *http.Request, id events.DocumentID, f api.FileEntry) ([]byte, error) {
	content, err := c.server.System().Files.Open(r.Context(), id, f.File)
	if err != nil {
		return nil, err
	}
	defer content.Close() //nolint:errcheck // only read
	return io.ReadAll(io.LimitReader(content, maxPicture))
}
