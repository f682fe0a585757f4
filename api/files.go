package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/docsaga/docsaga/events"
)

// A FileEntry is a file that an event of a document speaks of.
type FileEntry struct {
	events.File
	Step   events.StepID `json:"step"`   // whose event it is
	Member string        `json:"member"` // where in the step's output, such as pages[0].picture
	URL    string        `json:"url"`
}

type filesOutput struct {
	Body struct {
		Files []FileEntry `json:"files"`
	}
}

type fileInput struct {
	DocumentPath
	Digest string `path:"digest" pattern:"^[0-9a-f]{64}$" doc:"sha256 of the content"`
	Inline bool   `query:"inline" doc:"show a picture instead of saving it"`
}

func (s *Server) registerFiles() {
	huma.Register(s.api, op(Viewer, http.MethodGet, "/v1/documents/{document}/files", "The files of a document: itself, pages, attachments, text"),
		func(ctx context.Context, in *DocumentPath) (*filesOutput, error) {
			list, err := s.Files(ctx, events.DocumentID(in.Document))
			if err != nil {
				return nil, s.asProblem(err)
			}
			out := &filesOutput{}
			out.Body.Files = list
			return out, nil
		})
	o := op(Viewer, http.MethodGet, "/v1/documents/{document}/files/{digest}", "The content of a file")
	o.Responses = map[string]*huma.Response{"200": {Description: "The content", Content: map[string]*huma.MediaType{
		"application/octet-stream": {Schema: &huma.Schema{Type: "string", Format: "binary"}},
	}}}
	huma.Register(s.api, o, func(ctx context.Context, in *fileInput) (*huma.StreamResponse, error) {
		entry, content, err := s.open(ctx, in)
		if err != nil {
			return nil, s.asProblem(err)
		}
		return &huma.StreamResponse{Body: func(hctx huma.Context) {
			defer content.Close() //nolint:errcheck // only read
			fileHeader(hctx.SetHeader, entry, in.Inline)
			_, w := humago.Unwrap(hctx)
			if err := send(w, content, writeTime); err != nil {
				s.conf.Logger.Warn("file not sent whole", "document", in.Document, "error", err)
			}
		}}, nil
	})
}

// fileHeader makes sure that a file from outside is never taken for a page of
// this server: it is saved, not shown, unless it is a picture.
func fileHeader(set func(name, value string), f FileEntry, inline bool) {
	mediaType, disposition, name := "application/octet-stream", "attachment", f.Ref[len("sha256:"):][:12]
	base, _, _ := strings.Cut(f.MediaType, ";")
	switch base {
	case "image/png", "image/jpeg", "image/webp":
		mediaType = base
		if inline {
			disposition = "inline"
		}
		name += "." + strings.TrimPrefix(mediaType, "image/")
	case "application/pdf":
		mediaType, name = base, name+".pdf"
	case "text/plain", "application/json", "application/xml", "text/xml":
		mediaType, name = "text/plain; charset=utf-8", name+".txt"
	}
	set("Content-Type", mediaType)
	set("Content-Disposition", fmt.Sprintf("%s; filename=%q", disposition, name))
	set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	set("X-Content-Type-Options", "nosniff")
	set("Cross-Origin-Resource-Policy", "same-origin")
	set("ETag", `"`+f.Ref+`"`)
	set("Cache-Control", "private, max-age=31536000, immutable")
}

// open opens a file that belongs to the document by an event of it: the
// digest alone opens nothing.
func (s *Server) open(ctx context.Context, in *fileInput) (FileEntry, io.ReadCloser, error) {
	list, err := s.Files(ctx, events.DocumentID(in.Document))
	if err != nil {
		return FileEntry{}, nil, err
	}
	for _, f := range list {
		if f.Ref == "sha256:"+in.Digest {
			content, err := s.system.Files.Open(ctx, events.DocumentID(in.Document), f.File)
			return f, content, err
		}
	}
	return FileEntry{}, nil, fmt.Errorf("document %s, file %s: %w", in.Document, in.Digest, events.ErrNotFound)
}

// Files returns the files that a document's events speak of, each once.
func (s *Server) Files(ctx context.Context, id events.DocumentID) ([]FileEntry, error) {
	_, history, err := s.past(ctx, id, "")
	if err != nil {
		return nil, err
	}
	list := []FileEntry{}
	for i := range history {
		e := &history[i]
		data, err := events.ParseData(e.Data)
		if err != nil || e.Slot.Kind != events.Outcome && e.Slot.Kind != events.Submitted {
			continue
		}
		var value any
		if json.Unmarshal(data.Output, &value) != nil {
			continue
		}
		walk(value, "", 0, func(f events.File, member string) {
			known := slices.ContainsFunc(list, func(e FileEntry) bool { return e.Ref == f.Ref })
			digest, err := f.Digest()
			if err == nil && !known && len(list) < 10_000 {
				list = append(list, FileEntry{File: f, Step: e.Slot.Step, Member: member, URL: "/v1/documents/" + string(id) + "/files/" + digest})
			}
		})
	}
	return list, nil
}

// walk finds the claim checks in a JSON value.
func walk(value any, member string, depth int, found func(events.File, string)) {
	if depth > 32 {
		return
	}
	switch v := value.(type) {
	case map[string]any:
		ref, isFile := v["ref"].(string)
		if isFile {
			size, _ := v["size"].(float64)
			mediaType, _ := v["mediaType"].(string)
			found(events.File{Ref: ref, Size: int64(size), MediaType: mediaType}, member)
			return
		}
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			walk(v[name], strings.TrimPrefix(member+"."+name, "."), depth+1, found)
		}
	case []any:
		for i, item := range v {
			walk(item, fmt.Sprintf("%s[%d]", member, i), depth+1, found)
		}
	}
}
