package events

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// jsonEvent is the CloudEvents JSON format of an event, with what the subject
// says written out. Field order is the order in the output.
type jsonEvent struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject"`
	Time            string          `json:"time,omitempty"`
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
	Signature       string          `json:"dssematerial,omitempty"`
	Signed          string          `json:"signedextattrs,omitempty"`
	Data            json.RawMessage `json:"data,omitempty"`
	DataBase64      []byte          `json:"data_base64,omitempty"`
}

// MarshalJSON returns the event in the CloudEvents 1.0 JSON format. Besides
// the wire's attributes it has partitionkey and correlationid (the document),
// sagadefinition, sagaversion, sagastep, sagavisit, sagaposition and
// sagastoredat (when and where the log stored it). Spaces between the tokens of
// the data are lost. Data that is no JSON becomes data_base64.
func (e Event) MarshalJSON() ([]byte, error) {
	j := jsonEvent{
		SpecVersion: specVersion, ID: e.ID(), Source: e.Source, Type: e.Type(),
		Subject: string(e.Slot.Document), PartitionKey: string(e.Slot.Document), CorrelationID: string(e.Slot.Document),
		CausationID: e.Cause, SagaDefinition: e.Slot.Definition, SagaVersion: e.Slot.Version,
		SagaStep: string(e.Slot.Step), SagaVisit: e.Slot.Visit, SagaWorker: e.Worker, TraceParent: e.Trace,
		Signature: e.Signature, Signed: e.signed(),
	}
	if !e.Time.IsZero() {
		j.Time = e.Time.UTC().Format(timeLayout)
	}
	if e.Position.Seq > 0 {
		j.SagaPosition = e.Position.String()
		j.SagaStoredAt = e.At.UTC().Format(time.RFC3339Nano)
	}
	if len(e.Data) > 0 {
		j.DataContentType = contentType
		if json.Valid(e.Data) {
			j.Data = e.Data
		} else {
			j.DataBase64 = e.Data // a foreign writer's; it must not stop who exports the log
		}
	}
	raw, err := json.Marshal(j)
	if err != nil {
		return nil, fmt.Errorf("events: %s: %w", e.ID(), err)
	}
	return raw, nil
}

// UnmarshalJSON reads what [Event.MarshalJSON] writes.
func (e *Event) UnmarshalJSON(raw []byte) error {
	var j jsonEvent
	if err := json.Unmarshal(raw, &j); err != nil {
		return fmt.Errorf("events: %w: %w", err, ErrBadEvent)
	}
	partition := Partition(DocumentID(j.Subject))
	subject := fmt.Sprintf("%s.%02d.%s.%s.%s", SubjectRoot, partition, j.SagaDefinition, strconv.Itoa(j.SagaVersion), j.ID)
	h := Header{
		headerSpecVersion: {j.SpecVersion}, headerID: {j.ID}, headerSource: {encodeValue(j.Source)}, headerType: {j.Type},
		headerTime: {j.Time}, headerContentType: {j.DataContentType}, headerCause: {j.CausationID},
		headerWorker: {j.SagaWorker}, headerTrace: {j.TraceParent},
		headerSignature: {j.Signature}, headerSigned: {j.Signed},
	}
	data := []byte(j.Data)
	if len(j.DataBase64) > 0 {
		data = j.DataBase64
	}
	next, err := Decode(subject, LinesOf(h), data)
	if err != nil {
		return err
	}
	if string(next.Slot.Document) != j.Subject || string(next.Slot.Step) != j.SagaStep || next.Slot.Visit != j.SagaVisit {
		return fmt.Errorf("events: id %.200q disagrees with subject, sagastep or sagavisit: %w", j.ID, ErrBadEvent)
	}
	if j.SagaPosition != "" {
		if next.Position, err = ParsePosition(j.SagaPosition); err != nil {
			return fmt.Errorf("%w: %w", err, ErrBadEvent)
		}
		if next.At, err = time.Parse(time.RFC3339Nano, j.SagaStoredAt); err != nil {
			return fmt.Errorf("events: sagastoredat %.50q: %w", j.SagaStoredAt, ErrBadEvent)
		}
	}
	*e = next
	return nil
}
