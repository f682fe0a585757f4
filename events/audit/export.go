package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/seal"
)

// exportFormat names the form of an exported document.
const exportFormat = "docsaga-document-1"

// An Export is a document's history with all that is needed to check it by
// nothing but a public key. Its file is the one JSON form that [Export.Marshal]
// writes; a file that differs in one byte is refused.
type Export struct {
	Format      string             `json:"format"`
	Document    events.DocumentID  `json:"document"`
	Key         []byte             `json:"documentKey,omitempty"` // opens what is sealed
	Checkpoint  string             `json:"checkpoint"`            // of the shard's log, signed
	Events      []ExportEvent      `json:"events"`
	Catalog     string             `json:"definitionsCheckpoint"` // of the log of definitions, signed
	Definitions []ExportDefinition `json:"definitions"`
	Files       []string           `json:"files"` // that the events name, by their SHA-256
}

// An ExportEvent is a message as it is stored, and the proof that it is.
type ExportEvent struct {
	Position events.Position `json:"position"`
	StoredAt string          `json:"storedAt"` // RFC 3339 with nanoseconds, UTC
	Subject  string          `json:"subject"`
	Header   text            `json:"header"`
	Data     text            `json:"data"`
	Proof    []tlog.Hash     `json:"proof"`
}

// An ExportDefinition is a definition that the events follow.
type ExportDefinition struct {
	Name    string      `json:"name"`
	Version int         `json:"version"`
	BPMN    text        `json:"bpmn"`
	Index   int64       `json:"index"` // in the log of definitions
	Proof   []tlog.Hash `json:"proof"`
}

// A text is bytes that are text as a rule. Its JSON form is a string, or, for
// other bytes, an object {"base64": ...}.
type text []byte

func (t text) MarshalJSON() ([]byte, error) {
	if utf8.Valid(t) {
		return json.Marshal(string(t))
	}
	return json.Marshal(map[string][]byte{"base64": t})
}

func (t *text) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '{' {
		var other struct{ Base64 []byte }
		err := json.Unmarshal(raw, &other)
		*t = other.Base64
		return err
	}
	var s string
	err := json.Unmarshal(raw, &s)
	*t = text(s)
	return err
}

// Marshal returns the file's bytes.
func (x *Export) Marshal() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(x); err != nil {
		return nil, fmt.Errorf("audit: export of %s: %w", x.Document, err)
	}
	return b.Bytes(), nil
}

// A DocumentSource has the messages of a document.
type DocumentSource interface {
	Definitions
	Shards() int
	// Messages returns what is stored of a document, in order.
	Messages(ctx context.Context, document events.DocumentID) ([]events.Delivery, error)
}

// Prove returns a document's history with the proofs that each message is
// covered by the newest checkpoint, and checks it. The error wraps
// [events.ErrNotFound] if nobody knows the document, or no checkpoint covers it
// yet.
func Prove(ctx context.Context, source DocumentSource, document events.DocumentID, ev Evidence) (*Export, error) {
	list, err := source.Messages(ctx, document)
	if err == nil && len(list) == 0 {
		err = events.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("audit: document %s: %w", document, err)
	}
	x := &Export{Format: exportFormat, Document: document, Key: ev.DocumentKey, Files: []string{}}
	if err := x.addEvents(list, ev); err != nil {
		return nil, fmt.Errorf("audit: document %s: %w", document, err)
	}
	if err := x.addDefinitions(ctx, source, list, ev); err != nil {
		return nil, fmt.Errorf("audit: document %s: %w", document, err)
	}
	raw, err := x.Marshal()
	if err == nil {
		_, err = CheckExport(raw, ev.Key)
	}
	return x, err
}

func (x *Export) addEvents(list []events.Delivery, ev Evidence) error {
	dir := filepath.Join(ev.Dir, logOfShard(list[0].Event.Position.Shard))
	signed, c, err := newest(dir, ev.Key)
	if err != nil {
		return err
	}
	x.Checkpoint = string(signed)
	file, err := os.Open(filepath.Join(dir, fileHashes))
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	for i := range list {
		m := messageOf(&list[i])
		index := int64(m.position.Seq) - 1 //nolint:gosec // fits
		if index >= c.Size {
			return fmt.Errorf("%v came after the newest checkpoint, of %s: %w", m.position, c.Time.Format(time.RFC3339), events.ErrNotFound)
		}
		proof, err := tlog.ProveRecord(c.Size, index, hashReader{file})
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		x.Events = append(x.Events, ExportEvent{
			Position: m.position, StoredAt: m.at.UTC().Format(time.RFC3339Nano), Subject: m.subject,
			Header: text(m.header), Data: text(m.data), Proof: orEmpty(proof),
		})
		if x.Key != nil {
			m.data = list[i].Event.Data // opened
		}
		x.addFiles(m.data)
	}
	return nil
}

func (x *Export) addFiles(data []byte) {
	for _, ref := range References(data) {
		if !slices.Contains(x.Files, ref) {
			x.Files = append(x.Files, ref)
		}
	}
}

func orEmpty(proof []tlog.Hash) []tlog.Hash {
	if proof == nil {
		return []tlog.Hash{}
	}
	return proof
}

// Leaves returns the hash that each event has in the Merkle log.
func (x *Export) Leaves() []tlog.Hash {
	leaves := make([]tlog.Hash, len(x.Events))
	var buffer []byte
	for i := range x.Events {
		e := &x.Events[i]
		at, _ := time.Parse(time.RFC3339Nano, e.StoredAt) // one that is wrong gives another hash
		m := message{position: e.Position, at: at, subject: e.Subject, header: string(e.Header), data: e.Data}
		leaves[i], buffer = m.hash(buffer)
	}
	return leaves
}

// newest returns the last checkpoint of a log.
func newest(dir string, key note.Verifier) ([]byte, Checkpoint, error) {
	all, err := ReadCheckpoints(filepath.Join(dir, fileCheckpoints))
	if err != nil {
		return nil, Checkpoint{}, err
	}
	if len(all) == 0 {
		return nil, Checkpoint{}, fmt.Errorf("there is no checkpoint in %s yet: %w", dir, events.ErrNotFound)
	}
	signed := all[len(all)-1]
	c, err := OpenCheckpoint(signed, key)
	return signed, c, err
}

func (x *Export) addDefinitions(ctx context.Context, source Definitions, list []events.Delivery, ev Evidence) error {
	dir := filepath.Join(ev.Dir, logDefinitions)
	signed, c, err := newest(dir, ev.Key)
	if err != nil {
		return err
	}
	x.Catalog = string(signed)
	records, err := os.ReadFile(filepath.Join(dir, fileRecords))
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	file, err := os.Open(filepath.Join(dir, fileHashes))
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	lines := slices.Collect(strings.Lines(string(records)))
	for _, ref := range definitionsOf(list) {
		drawn, err := source.Definition(ctx, ref.Name, ref.Version)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		index := slices.Index(lines, record(ref, drawn))
		if index < 0 || int64(index) >= c.Size {
			return fmt.Errorf("audit: definition %v is not the one that was recorded: %w", ref, ErrBad)
		}
		proof, err := tlog.ProveRecord(c.Size, int64(index), hashReader{file})
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		x.Definitions = append(x.Definitions, ExportDefinition{
			Name: ref.Name, Version: ref.Version, BPMN: drawn, Index: int64(index), Proof: orEmpty(proof),
		})
	}
	return nil
}

func definitionsOf(list []events.Delivery) []events.DefinitionRef {
	var refs []events.DefinitionRef
	for i := range list {
		ref := events.DefinitionRef{Name: list[i].Event.Slot.Definition, Version: list[i].Event.Slot.Version}
		if ref.Name != "" && !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	return refs
}

// Proven is what an exported document shows.
type Proven struct {
	Document    events.DocumentID      `json:"document"`
	Checkpoint  Checkpoint             `json:"-"`
	SignedAt    time.Time              `json:"signedAt"` // time of the checkpoint
	Events      []events.Delivery      `json:"-"`
	Definitions []events.DefinitionRef `json:"definitions"`
	Files       []string               `json:"files"`
}

// CheckExport checks an exported document by nothing but the public key: that
// each message stands in the log that was signed, byte for byte and in its
// place, that the definitions are those that were recorded, and that what each
// event names as its cause is there too. The error wraps [ErrBad] and says
// what does not hold.
func CheckExport(file []byte, key note.Verifier) (*Proven, error) {
	var x Export
	dec := json.NewDecoder(bytes.NewReader(file))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&x); err != nil {
		return nil, fmt.Errorf("audit: not an exported document: %w: %w", ErrBad, err)
	}
	if x.Format != exportFormat {
		return nil, fmt.Errorf("audit: format %.40q, want %s: %w", x.Format, exportFormat, ErrBad)
	}
	again, err := x.Marshal()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, file) {
		return nil, fmt.Errorf("audit: the file was written anew: it is not byte for byte as docsaga writes it: %w", ErrBad)
	}
	p := &Proven{Document: x.Document}
	if err := errors.Join(p.events(&x, key), p.definitions(&x, key)); err != nil {
		return nil, err
	}
	return p, p.coherent(&x)
}

func (p *Proven) events(x *Export, key note.Verifier) error {
	c, err := OpenCheckpoint([]byte(x.Checkpoint), key)
	if err != nil {
		return err
	}
	p.Checkpoint, p.SignedAt = c, c.Time
	open, err := x.opener()
	if err != nil {
		return err
	}
	var buffer []byte
	for i := range x.Events {
		e := &x.Events[i]
		at, err := time.Parse(time.RFC3339Nano, e.StoredAt)
		if err != nil || at.UTC().Format(time.RFC3339Nano) != e.StoredAt {
			return fmt.Errorf("audit: %v: stored at %.60q: %w", e.Position, e.StoredAt, ErrBad)
		}
		m := message{position: e.Position, at: at, subject: e.Subject, header: string(e.Header), data: e.Data}
		var leaf tlog.Hash
		leaf, buffer = m.hash(buffer)
		switch {
		case c.Log != logOfShard(e.Position.Shard):
			return fmt.Errorf("audit: %v: the checkpoint is of %s: %w", e.Position, c.Log, ErrBad)
		case i > 0 && e.Position.Seq <= x.Events[i-1].Position.Seq:
			return fmt.Errorf("audit: %v does not come after the event before it: %w", e.Position, ErrBad)
		case tlog.CheckRecord(e.Proof, c.Size, c.Root, int64(e.Position.Seq)-1, leaf) != nil: //nolint:gosec // CheckRecord refuses what is out of range
			return fmt.Errorf("audit: %v, %.200q: is not what the log holds there: %w", e.Position, e.Subject, ErrBad)
		}
		stored := events.Message{Subject: e.Subject, Header: events.HeaderLines(e.Header), Data: e.Data}
		decoded, bad := events.Decode(stored.Subject, stored.Header, stored.Data)
		decoded.Position, decoded.At = e.Position, at.UTC()
		if errors.Is(bad, events.ErrBadSubject) || decoded.Slot.Document != x.Document {
			return fmt.Errorf("audit: %v, %.200q: is not of document %s: %w", e.Position, e.Subject, x.Document, ErrBad)
		}
		if bad == nil {
			if decoded.Data, err = open(&decoded); err != nil {
				return fmt.Errorf("audit: %v: %w: %w", e.Position, ErrBad, err)
			}
		}
		p.Events = append(p.Events, events.Delivery{Event: decoded, Bad: bad, Attempt: 1, Message: stored})
	}
	return nil
}

// opener returns what opens an event's data: with the document's key, if the
// file holds it.
func (x *Export) opener() (func(e *events.Event) ([]byte, error), error) {
	if x.Key == nil {
		return func(e *events.Event) ([]byte, error) { return e.Data, nil }, nil
	}
	key, err := seal.NewKey(x.Key)
	if err != nil {
		return nil, fmt.Errorf("audit: the document's key: %w: %w", ErrBad, err)
	}
	return func(e *events.Event) ([]byte, error) {
		if !events.IsSealed(e.Data) {
			return e.Data, nil
		}
		return key.OpenData(e)
	}, nil
}

func (p *Proven) definitions(x *Export, key note.Verifier) error {
	c, err := OpenCheckpoint([]byte(x.Catalog), key)
	if err != nil {
		return err
	}
	if c.Log != logDefinitions {
		return fmt.Errorf("audit: the checkpoint for definitions is of %s: %w", c.Log, ErrBad)
	}
	for _, d := range x.Definitions {
		ref := events.DefinitionRef{Name: d.Name, Version: d.Version}
		if tlog.CheckRecord(d.Proof, c.Size, c.Root, d.Index, tlog.RecordHash([]byte(record(ref, d.BPMN)))) != nil {
			return fmt.Errorf("audit: definition %v is not the one that was recorded: %w", ref, ErrBad)
		}
		p.Definitions = append(p.Definitions, ref)
	}
	return nil
}

// coherent checks what no hash says: that nothing that belongs to the history
// was left out or put in.
func (p *Proven) coherent(x *Export) error {
	if len(p.Events) == 0 || p.Events[0].Event.Slot.Kind != events.Submitted {
		return fmt.Errorf("audit: the history does not begin with the submission: %w", ErrBad)
	}
	if !slices.Equal(definitionsOf(p.Events), p.Definitions) {
		return fmt.Errorf("audit: the definitions are not those that the events follow: %w", ErrBad)
	}
	known := make(map[string]bool)
	files := Export{Files: []string{}}
	for i := range p.Events {
		e := &p.Events[i].Event
		if e.Cause != "" && strings.HasPrefix(e.Cause, string(p.Document)+".") && !known[e.Cause] {
			return fmt.Errorf("audit: %s follows from %s, which was left out: %w", e.ID(), e.Cause, ErrBad)
		}
		known[e.ID()] = true
		files.addFiles(e.Data)
	}
	if !slices.Equal(files.Files, x.Files) {
		return fmt.Errorf("audit: the files are not those that the events name: %w", ErrBad)
	}
	p.Files = x.Files
	return nil
}
