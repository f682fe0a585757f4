package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/audit"
)

const (
	format       = "docsaga-backup-1"
	manifestName = "manifest.json"
	dirStreams   = "streams"
	dirAudit     = "audit"
)

// ErrDamaged reports a backup that is not as it was written, or a log that is
// not as it was saved.
var ErrDamaged = errors.New("the backup does not hold")

// A Manifest says what a backup holds.
type Manifest struct {
	Format  string              `json:"format"`
	MadeAt  time.Time           `json:"madeAt"`
	Shards  []Shard             `json:"shards"`
	Streams []Stream            `json:"streams"`
	Queues  map[string][]uint64 `json:"queues"` // by shard: up to where all is acknowledged
	Audit   []File              `json:"audit"`
}

// A Shard says how far a shard was saved, and what it holds.
type Shard struct {
	Last uint64    `json:"last"` // sequence
	Root tlog.Hash `json:"root"` // see audit.Root
}

// A Stream is a saved stream.
type Stream struct {
	Name string          `json:"name"`
	Meta json.RawMessage `json:"meta"`
	File
}

// A File is one of the backup's files.
type File struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// A Source is the log that is saved.
type Source interface {
	audit.Source
	Streams() []string
	// SaveStream writes a snapshot of a stream and returns {"state":{"last_seq"}}, at least.
	SaveStream(ctx context.Context, name string, w io.Writer) (json.RawMessage, error)
	// QueuePositions returns up to where each queue has acknowledged all.
	QueuePositions(ctx context.Context) (map[string][]uint64, error)
}

// Backup saves the log to a directory, which must be empty or missing, and the
// audit directory with it, if that exists. The system may run meanwhile.
func Backup(ctx context.Context, source Source, dir, auditDir string, now time.Time) (Manifest, error) {
	m := Manifest{Format: format, MadeAt: now.UTC(), Audit: []File{}}
	if err := makeEmpty(filepath.Join(dir, dirStreams), dir); err != nil {
		return m, fmt.Errorf("archive: backup: %w", err)
	}
	err := m.copyAudit(auditDir, dir)
	if err == nil {
		m.Queues, err = source.QueuePositions(ctx)
	}
	if err == nil {
		err = m.saveStreams(ctx, source, dir)
	}
	if err == nil {
		err = m.addRoots(ctx, source)
	}
	if err == nil {
		err = m.write(dir)
	}
	if err != nil {
		return m, fmt.Errorf("archive: backup to %s: %w", dir, err)
	}
	return m, nil
}

// makeEmpty makes a directory below one that must hold nothing.
func makeEmpty(path, root string) error {
	entries, err := os.ReadDir(root)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty: %w", root, events.ErrConflict)
	}
	return os.MkdirAll(path, 0o700)
}

func (m *Manifest) saveStreams(ctx context.Context, source Source, dir string) error {
	for _, name := range source.Streams() {
		s := Stream{Name: name, File: File{Path: filepath.Join(dirStreams, name+".snapshot")}}
		var err error
		s.File, err = writeFile(dir, s.Path, func(w io.Writer) (err error) {
			s.Meta, err = source.SaveStream(ctx, name, w)
			return err
		})
		if err != nil {
			return err
		}
		m.Streams = append(m.Streams, s)
	}
	return nil
}

// addRoots reads what was saved of each shard once more, from the log.
func (m *Manifest) addRoots(ctx context.Context, source Source) error {
	for shard := range source.Shards() {
		var meta struct {
			State struct {
				Last uint64 `json:"last_seq"`
			} `json:"state"`
		}
		if err := json.Unmarshal(m.Streams[shard].Meta, &meta); err != nil {
			return fmt.Errorf("state of %s: %w", m.Streams[shard].Name, err)
		}
		root, err := audit.Root(ctx, source, shard, meta.State.Last)
		if err != nil {
			return err
		}
		m.Shards = append(m.Shards, Shard{Last: meta.State.Last, Root: root})
	}
	return nil
}

// copyAudit copies checkpoints, hashes and records, each log's checkpoints
// first, so that the rest covers them. Anything else, such as a key that lies
// there, stays where it is.
func (m *Manifest) copyAudit(from, dir string) error {
	if from == "" {
		return nil
	}
	logs, err := os.ReadDir(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, log := range logs {
		if !log.IsDir() {
			continue
		}
		for _, name := range audit.FileNames() {
			raw, err := os.Open(filepath.Join(from, log.Name(), name))
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			f, err := writeFile(dir, filepath.Join(dirAudit, log.Name(), name), func(w io.Writer) error {
				_, err := io.Copy(w, raw)
				return errors.Join(err, raw.Close())
			})
			if err != nil {
				return err
			}
			m.Audit = append(m.Audit, f)
		}
	}
	return nil
}

// writeFile writes a file below dir, and returns when it is on the disk.
func writeFile(dir, path string, write func(io.Writer) error) (File, error) {
	full := filepath.Join(dir, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
		return File{}, err
	}
	f, err := os.OpenFile(full, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return File{}, err
	}
	sum := sha256.New()
	n := counter{}
	err = write(io.MultiWriter(f, sum, &n))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return File{}, err
	}
	return File{Path: filepath.ToSlash(path), Size: n.n, SHA256: hex.EncodeToString(sum.Sum(nil))}, nil
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

func (m *Manifest) write(dir string) error {
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	_, err = writeFile(dir, manifestName, func(w io.Writer) error {
		_, err := w.Write(append(raw, '\n'))
		return err
	})
	return err
}

// Open reads a backup's manifest and checks that each file is as it was
// written. The error wraps [ErrDamaged] if one is not, and [os.ErrNotExist] if
// the directory holds no complete backup.
func Open(dir string) (Manifest, error) {
	var m Manifest
	raw, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return m, fmt.Errorf("archive: %s holds no complete backup: %w", dir, err)
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return m, fmt.Errorf("archive: %s: %w: %w", manifestName, ErrDamaged, err)
	}
	if m.Format != format {
		return m, fmt.Errorf("archive: format %.40q, want %s: %w", m.Format, format, ErrDamaged)
	}
	files := slices.Clone(m.Audit)
	for _, s := range m.Streams {
		files = append(files, s.File)
	}
	for _, f := range files {
		if err := f.check(dir); err != nil {
			return m, err
		}
	}
	return m, nil
}

func (f File) check(dir string) error {
	if !filepath.IsLocal(filepath.FromSlash(f.Path)) {
		return fmt.Errorf("archive: path %.200q: %w", f.Path, ErrDamaged)
	}
	file, err := os.Open(filepath.Join(dir, filepath.FromSlash(f.Path)))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("archive: %s is missing: %w", f.Path, ErrDamaged)
	}
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	sum := sha256.New()
	n, err := io.Copy(sum, file)
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); n != f.Size || got != f.SHA256 {
		return fmt.Errorf("archive: %s was changed: %d bytes with SHA-256 %s, written were %d with %s: %w", f.Path, n, got, f.Size, f.SHA256, ErrDamaged)
	}
	return nil
}

// RestoreStreams hands each stream to restore, in the order saved.
func (m *Manifest) RestoreStreams(dir string, restore func(name string, meta json.RawMessage, r io.Reader) error) error {
	for _, s := range m.Streams {
		file, err := os.Open(filepath.Join(dir, filepath.FromSlash(s.Path)))
		if err != nil {
			return fmt.Errorf("archive: %w", err)
		}
		if err := errors.Join(restore(s.Name, s.Meta, file), file.Close()); err != nil {
			return fmt.Errorf("archive: %w", err)
		}
	}
	return nil
}

// RestoreAudit copies the audit directory to one that must be empty or missing.
func (m *Manifest) RestoreAudit(dir, to string) error {
	if len(m.Audit) == 0 {
		return nil
	}
	if err := makeEmpty(to, to); err != nil {
		return fmt.Errorf("archive: audit directory: %w", err)
	}
	for _, f := range m.Audit {
		raw, err := os.Open(filepath.Join(dir, filepath.FromSlash(f.Path)))
		if err == nil {
			_, err = writeFile(to, strings.TrimPrefix(f.Path, dirAudit+"/"), func(w io.Writer) error {
				_, err := io.Copy(w, raw)
				return errors.Join(err, raw.Close())
			})
		}
		if err != nil {
			return fmt.Errorf("archive: audit directory: %w", err)
		}
	}
	return nil
}

// Compare reads a restored log and reports whether each shard holds what was
// saved. The error wraps [ErrDamaged] if one does not.
func (m *Manifest) Compare(ctx context.Context, log audit.Source) error {
	if log.Shards() != len(m.Shards) {
		return fmt.Errorf("archive: the log has %d shards, saved were %d: %w", log.Shards(), len(m.Shards), ErrDamaged)
	}
	for shard, want := range m.Shards {
		last, err := log.Last(ctx, shard)
		if err != nil {
			return fmt.Errorf("archive: %w", err)
		}
		if last != want.Last {
			return fmt.Errorf("archive: shard %d ends at %d, saved were %d: %w", shard, last, want.Last, ErrDamaged)
		}
		root, err := audit.Root(ctx, log, shard, want.Last)
		if err != nil {
			return fmt.Errorf("archive: %w", err)
		}
		if root != want.Root {
			return fmt.Errorf("archive: shard %d is not the one that was saved: its root is %v, that of the backup %v: %w", shard, root, want.Root, ErrDamaged)
		}
	}
	return nil
}
