package location

import (
	"context"
	"errors"
	"fmt"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/runner"
)

// upload reads what the submitter has put into the file store. It is not
// stored again.
type upload struct {
	files Files
}

func (u upload) open(ctx context.Context, v runner.Visit, location string) (found, error) {
	file := events.File{Ref: location[len("upload:"):], MediaType: MediaTypePDF}
	pin, err := file.Digest()
	if err != nil {
		return found{}, runner.Reject(ReasonNotFound, "the upload is not named by sha256: and 64 lower-case hexadecimal digits")
	}
	body, err := u.files.Open(ctx, v.Document, file)
	if errors.Is(err, events.ErrNotFound) {
		return found{}, runner.Reject(ReasonNotFound, "there is no such upload for this document")
	}
	if err != nil {
		return found{}, fmt.Errorf("location: open the upload of document %s: %w", v.Document, err)
	}
	return found{body: body, size: -1, pin: pin, stored: true}, nil
}
