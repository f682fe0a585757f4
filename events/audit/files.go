package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	"github.com/docsaga/docsaga/events"
)

// Files is the file store.
type Files interface {
	// Open returns a file's content. Open or Read gives events.ErrNotFound if
	// it is not there; Read gives another error instead of io.EOF if the
	// content is not what the digest says.
	Open(ctx context.Context, document events.DocumentID, file events.File) (io.ReadCloser, error)
}

// References returns the files that an event's data names, each once, as
// sha256:<64 hexadecimal digits>.
func References(data []byte) []string {
	var refs []string
	for _, found := range reference().FindAll(data, -1) {
		if ref := string(found); !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	return refs
}

func reference() *regexp.Regexp { return regexp.MustCompile(`sha256:[0-9a-f]{64}\b`) }

// maxSeen is how many files are remembered as read; beyond it one may be read
// again.
const maxSeen = 100_000

// A looker reads the files that events name.
type looker struct {
	files   Files
	r       *Result
	pattern *regexp.Regexp
	seen    map[string]bool
}

func newLooker(files Files, r *Result) *looker {
	return &looker{files: files, r: r, pattern: reference(), seen: make(map[string]bool)}
}

// at reads the files that a message names. That one is not there is no
// finding: what a step has put there goes when the step is undone.
func (l *looker) at(ctx context.Context, d *events.Delivery) error {
	if l.files == nil || d.Event.Slot.Document == "" {
		return nil
	}
	for _, found := range l.pattern.FindAll(d.Event.Data, -1) {
		ref := string(found)
		name := string(d.Event.Slot.Document) + " " + ref
		if l.seen[name] {
			continue
		}
		if len(l.seen) >= maxSeen {
			clear(l.seen)
		}
		l.seen[name] = true
		err := l.read(ctx, d.Event.Slot.Document, ref)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("audit: %w", context.Cause(ctx))
		case errors.Is(err, events.ErrNotFound):
			l.r.Released++
		case err != nil:
			l.r.find("file "+ref, "of document %s, named at %v: %v", d.Event.Slot.Document, d.Event.Position, err)
		default:
			l.r.Files++
		}
	}
	return nil
}

func (l *looker) read(ctx context.Context, document events.DocumentID, ref string) error {
	content, err := l.files.Open(ctx, document, events.File{Ref: ref})
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, content)
	return errors.Join(err, content.Close())
}
