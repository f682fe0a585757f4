package api

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/docsaga/docsaga/events"
)

// eventView is an event as it is written in answers: a CloudEvent in the JSON
// format.
type eventView struct {
	SpecVersion     string          `json:"specversion" enum:"1.0"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject"`
	Time            *time.Time      `json:"time,omitempty" nullable:"false"`
	DataContentType string          `json:"datacontenttype,omitempty"`
	PartitionKey    string          `json:"partitionkey"`
	CorrelationID   string          `json:"correlationid"`
	CausationID     string          `json:"causationid,omitempty"`
	SagaDefinition  string          `json:"sagadefinition"`
	SagaVersion     int             `json:"sagaversion"`
	SagaStep        string          `json:"sagastep"`
	SagaVisit       int             `json:"sagavisit"`
	SagaWorker      string          `json:"sagaworker,omitempty"`
	SagaPosition    string          `json:"sagaposition,omitempty"`
	SagaStoredAt    string          `json:"sagastoredat,omitempty"`
	TraceParent     string          `json:"traceparent,omitempty"`
	Data            json.RawMessage `json:"data,omitempty"`
	DataBase64      []byte          `json:"data_base64,omitempty"`
}

// describe tells the registry of schemas how types look that write themselves.
func describe(r huma.Registry) {
	r.RegisterTypeAlias(reflect.TypeFor[events.Event](), reflect.TypeFor[eventView]())
	r.RegisterTypeAlias(reflect.TypeFor[events.Position](), reflect.TypeFor[string]())
}

// nullable says that a member that is an object may be null, which the tags of
// its field cannot say.
func nullable(r huma.Registry, schema, member string) {
	if s := r.Map()[schema]; s != nil && s.Properties[member] != nil {
		s.Properties[member] = &huma.Schema{AnyOf: []*huma.Schema{s.Properties[member], {Type: "null"}}}
	}
}
