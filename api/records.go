package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/docsaga/docsaga/events"
)

type recordOutput struct{ Body json.RawMessage }

type recordsInput struct {
	Kind      string `query:"kind" enum:"invoice,form,document"`
	Number    string `query:"number" maxLength:"200" doc:"of the invoice"`
	Party     string `query:"party" maxLength:"200" doc:"part of a name, or a VAT identifier"`
	From      string `query:"from" format:"date"`
	To        string `query:"to" format:"date"`
	Limit     int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	PageToken string `query:"pageToken" maxLength:"200"`
}

type recordsOutput struct {
	Body struct {
		Records []json.RawMessage `json:"records"`
		Next    string            `json:"nextPageToken,omitempty"`
	}
}

func (s *Server) registerRecords() {
	if s.system.Records == nil {
		return
	}
	huma.Register(s.api, op(Viewer, http.MethodGet, "/v1/documents/{document}/record", "What the document became"),
		func(ctx context.Context, in *DocumentPath) (*recordOutput, error) {
			raw, err := s.system.Records.Record(ctx, events.DocumentID(in.Document))
			if err != nil {
				return nil, s.asProblem(err)
			}
			return &recordOutput{Body: raw}, nil
		})
	huma.Register(s.api, op(Viewer, http.MethodGet, "/v1/records", "List records"),
		func(ctx context.Context, in *recordsInput) (*recordsOutput, error) {
			page, next, err := s.system.Records.Records(ctx, RecordQuery{
				Kind: in.Kind, Number: plain(in.Number), Party: plain(in.Party), From: in.From, To: in.To, Limit: in.Limit, After: plain(in.PageToken),
			})
			if err != nil {
				return nil, s.asProblem(err)
			}
			out := &recordsOutput{}
			out.Body.Records, out.Body.Next = append([]json.RawMessage{}, page...), next
			return out, nil
		})
}
