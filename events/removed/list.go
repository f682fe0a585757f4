package removed

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/docsaga/docsaga/events"
)

const (
	format = "docsaga-removed-1"
	// MediaType is that of a list.
	MediaType = "application/x-ndjson"

	leafSize = 32
)

// ErrBad reports a list that is none.
var ErrBad = errors.New("not a list of removed messages")

// A Note is what the log says of a list.
type Note struct {
	List      events.File `json:"list"`
	Archive   string      `json:"archive"` // sha256:<hex> of the file that the documents were archived in
	Documents int         `json:"documents"`
	Messages  int         `json:"messages"`
}

// A Document is one whose messages were removed.
type Document struct {
	Document events.DocumentID `json:"document"`
	Shard    int               `json:"shard"`
	Messages []Message         `json:"messages"` // in order
}

// A Message is one that was removed.
type Message struct {
	Seq  uint64 `json:"seq"`
	Leaf []byte `json:"leaf"` // its hash
}

type head struct {
	Format string `json:"format"`
}

// A Writer writes a list.
type Writer struct{ enc *json.Encoder }

// NewWriter begins a list.
func NewWriter(w io.Writer) (*Writer, error) {
	enc := json.NewEncoder(w)
	if err := enc.Encode(head{format}); err != nil {
		return nil, fmt.Errorf("removed: write: %w", err)
	}
	return &Writer{enc}, nil
}

// Add adds a document.
func (w *Writer) Add(d Document) error {
	if err := w.enc.Encode(d); err != nil {
		return fmt.Errorf("removed: write: %w", err)
	}
	return nil
}

// Read yields the documents of a list. An error is the last thing it yields,
// and wraps [ErrBad] if that is not a list.
func Read(r io.Reader) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		dec := json.NewDecoder(bufio.NewReaderSize(r, 64<<10))
		dec.DisallowUnknownFields()
		var h head
		err := dec.Decode(&h)
		if err == nil && h.Format != format {
			err = fmt.Errorf("format %.40q, want %s", h.Format, format)
		}
		for err == nil {
			var d Document
			if err = dec.Decode(&d); errors.Is(err, io.EOF) {
				return
			}
			if err == nil {
				err = d.check()
			}
			if err == nil && !yield(d, nil) {
				return
			}
		}
		yield(Document{}, fmt.Errorf("removed: %w: %w", ErrBad, err))
	}
}

func (d *Document) check() error {
	if err := events.CheckID(d.Document); err != nil {
		return err
	}
	if d.Shard < 0 || d.Shard >= events.Partitions || len(d.Messages) == 0 {
		return fmt.Errorf("document %s: shard %d, %d messages", d.Document, d.Shard, len(d.Messages))
	}
	for i, m := range d.Messages {
		if m.Seq == 0 || m.Seq > maxSeq || len(m.Leaf) != leafSize || i > 0 && m.Seq <= d.Messages[i-1].Seq {
			return fmt.Errorf("document %s: message %d", d.Document, m.Seq)
		}
	}
	return nil
}
