package archive

import (
	"archive/zip"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"github.com/docsaga/docsaga/events"
)

// ErrNotArchived reports a message that was taken out of the log and is in none
// of the files.
var ErrNotArchived = errors.New("none of the archives holds it")

// A Log is what archived documents were taken out of.
type Log interface {
	Follow(ctx context.Context, after events.Position) iter.Seq2[[]events.Delivery, error]
	// Received treats messages that came from elsewhere as those of the log: it
	// checks who has signed them, and opens what is sealed.
	Received(ctx context.Context, list []events.Delivery) error
}

// Files are files of archived documents, of which each message can be read. It
// is used by one goroutine at a time.
type Files struct {
	key     note.Verifier
	files   []*zip.ReadCloser
	entries []*zip.File
	places  map[int][]place // by shard, in order
	open    map[int][]events.Delivery
}

// A place is where a message of a shard is.
type place struct {
	seq   uint64
	entry int
}

// mostOpen is how many documents are kept in memory.
const mostOpen = 512

// OpenFiles reads files of archived documents and checks each by the public
// key. It keeps 16 bytes a message in memory. The files must be closed.
func OpenFiles(paths []string, key note.Verifier) (f *Files, err error) {
	f = &Files{key: key, places: make(map[int][]place), open: make(map[int][]events.Delivery)}
	for _, path := range paths {
		r, err := zip.OpenReader(path)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("archive: %s: %w", path, err), f.Close())
		}
		f.files = append(f.files, r)
		for _, entry := range r.File {
			p, err := readDocument(entry, key)
			if err != nil {
				return nil, errors.Join(fmt.Errorf("archive: %s: %s: %w", path, entry.Name, err), f.Close())
			}
			for i := range p.Events {
				at := p.Events[i].Event.Position
				f.places[at.Shard] = append(f.places[at.Shard], place{seq: at.Seq, entry: len(f.entries)})
			}
			f.entries = append(f.entries, entry)
		}
	}
	for _, places := range f.places {
		slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(a.seq, b.seq) })
	}
	return f, nil
}

// Close closes the files.
func (f *Files) Close() error {
	var errs []error
	for _, r := range f.files {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}

// Message returns the message of a position, as it is stored. The error wraps
// [ErrNotArchived] if no file holds it.
func (f *Files) Message(at events.Position) (events.Delivery, error) {
	places := f.places[at.Shard]
	i, ok := slices.BinarySearchFunc(places, at.Seq, func(p place, seq uint64) int { return cmp.Compare(p.seq, seq) })
	if !ok {
		return events.Delivery{}, fmt.Errorf("archive: message %v: %w", at, ErrNotArchived)
	}
	entry := places[i].entry
	list, ok := f.open[entry]
	if !ok {
		p, err := readDocument(f.entries[entry], f.key)
		if err != nil {
			return events.Delivery{}, fmt.Errorf("archive: %s: %w", f.entries[entry].Name, err)
		}
		if len(f.open) >= mostOpen {
			clear(f.open)
		}
		list = p.Events
		f.open[entry] = list
	}
	for i := range list {
		if list[i].Event.Position == at {
			return list[i], nil
		}
	}
	return events.Delivery{}, fmt.Errorf("archive: message %v: %w", at, ErrNotArchived)
}

// Follow yields the messages of a shard after a position as [Log.Follow] does,
// with those that were archived and removed in their place.
func (f *Files) Follow(ctx context.Context, log Log, after events.Position) iter.Seq2[[]events.Delivery, error] {
	return func(yield func([]events.Delivery, error) bool) {
		for batch, err := range log.Follow(ctx, after) {
			if err == nil {
				batch, err = f.fill(ctx, log, batch)
			}
			if !yield(batch, err) || err != nil {
				return
			}
		}
	}
}

// fill puts what was removed between the messages of a batch.
func (f *Files) fill(ctx context.Context, log Log, batch []events.Delivery) ([]events.Delivery, error) {
	if !slices.ContainsFunc(batch, func(d events.Delivery) bool { return d.Removed > 0 }) {
		return batch, nil
	}
	var all []events.Delivery
	for _, d := range batch {
		filled := make([]events.Delivery, 0, d.Removed)
		at := d.Event.Position
		for at.Seq -= d.Removed; at.Seq < d.Event.Position.Seq; at.Seq++ {
			m, err := f.Message(at)
			if err != nil {
				return nil, err
			}
			filled = append(filled, m)
		}
		if err := log.Received(ctx, filled); err != nil {
			return nil, err
		}
		d.Removed = 0
		all = append(append(all, filled...), d)
	}
	return all, nil
}
