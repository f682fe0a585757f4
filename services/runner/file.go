package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/docsaga/docsaga/events"
)

// ReasonTooLarge is the reason for which [ReadFile] rejects.
const ReasonTooLarge = "too-large"

// An Opener is where files are; see [events.File].
type Opener interface {
	// Open returns the content of a file of the document.
	Open(ctx context.Context, document events.DocumentID, f events.File) (io.ReadCloser, error)
}

// ReadFile returns the content of the file in the visit's input,
// {"file": {...}}. One of more than most bytes is rejected with
// [ReasonTooLarge].
func ReadFile(ctx context.Context, files Opener, v Visit, most int64) (content []byte, err error) {
	var input struct {
		File events.File `json:"file"`
	}
	if err := json.Unmarshal(v.Input, &input); err != nil {
		return nil, fmt.Errorf("runner: input of %s: %w", v.Document, err)
	}
	if input.File.Size > most {
		return nil, Reject(ReasonTooLarge, "%d bytes, the limit is %d", input.File.Size, most)
	}
	r, err := files.Open(ctx, v.Document, input.File)
	if err != nil {
		return nil, fmt.Errorf("runner: open the file of %s: %w", v.Document, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	content, err = io.ReadAll(io.LimitReader(r, most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("runner: read the file of %s: %w", v.Document, err)
	case int64(len(content)) > most:
		return nil, Reject(ReasonTooLarge, "more than %d bytes", most)
	}
	return content, nil
}
