package api

import (
	_ "embed"
	"html/template"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed docs.html
var docsPage string

//go:embed docs.css
var docsCSS string

type docsOperation struct {
	Method string
	*huma.Operation
}

// docs answers with the API described for people.
func (s *Server) docs(w http.ResponseWriter, _ *http.Request) {
	t, err := template.New("docs").Parse(docsPage)
	if err != nil {
		s.conf.Logger.Error("page of the API", "error", err)
		http.Error(w, "see the server's log", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := t.Execute(w, map[string]any{"Title": s.api.OpenAPI().Info.Title, "Operations": s.operations()}); err != nil {
		s.conf.Logger.Warn("page of the API", "error", err)
	}
}

func docsStyle(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write([]byte(docsCSS)) // the client has gone
}

func (s *Server) operations() []docsOperation {
	paths := s.api.OpenAPI().Paths
	names := make([]string, 0, len(paths))
	for name := range paths {
		names = append(names, name)
	}
	slices.Sort(names)
	var list []docsOperation
	for _, name := range names {
		for method, o := range map[string]*huma.Operation{"GET": paths[name].Get} {
			if o != nil {
				list = append(list, docsOperation{Method: method, Operation: o})
			}
		}
		if o := paths[name].Post; o != nil {
			list = append(list, docsOperation{Method: "POST", Operation: o})
		}
	}
	return list
}
