package audit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	fileHashes      = "hashes"
	fileCheckpoints = "checkpoints"
	fileRecords     = "records"
	logDefinitions  = "definitions"

	flushAt = 256 << 10 // bytes of hashes that are held back
)

func logOfShard(shard int) string { return "log-" + strconv.Itoa(shard) }

// hashReader reads stored hashes from a file.
type hashReader struct{ file io.ReaderAt }

// ReadHashes reads the hashes with those numbers.
func (r hashReader) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if _, err := r.file.ReadAt(hashes[i][:], index*tlog.HashSize); err != nil {
			return nil, fmt.Errorf("audit: hash %d: %w", index, err)
		}
	}
	return hashes, nil
}

// A store is one log's subdirectory, open for writing. Only one process may
// have it open.
type store struct {
	log     string
	dir     string
	key     note.Signer
	file    *os.File
	tree    frontier
	signed  int64       // size of the last checkpoint
	written int64       // bytes of hashes in the file
	pending []byte      // bytes of hashes that are not
	scratch []tlog.Hash // for add
}

// openStore opens a log's subdirectory, which it makes if need be. Hashes that
// no checkpoint covers are forgotten: they were not synced, and are made again.
func openStore(root, log string, key note.Signer, verifier note.Verifier) (*store, error) {
	s := &store{log: log, dir: filepath.Join(root, log), key: key}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	last, err := s.lastCheckpoint(verifier)
	if err != nil {
		return nil, err
	}
	if s.file, err = os.OpenFile(filepath.Join(s.dir, fileHashes), os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	if err := s.resume(last); err != nil {
		return nil, errors.Join(err, s.file.Close())
	}
	return s, nil
}

// lastCheckpoint reads the newest checkpoint, and cuts off what is left of one
// that was being written when the process died.
func (s *store) lastCheckpoint(verifier note.Verifier) (Checkpoint, error) {
	path := filepath.Join(s.dir, fileCheckpoints)
	file, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return Checkpoint{}, fmt.Errorf("audit: %w", err)
	}
	signed, rest := splitCheckpoints(file)
	if len(rest) > 0 {
		if err := os.Truncate(path, int64(len(file)-len(rest))); err != nil {
			return Checkpoint{}, fmt.Errorf("audit: %w", err)
		}
	}
	if len(signed) == 0 {
		return Checkpoint{Log: s.log}, nil
	}
	c, err := OpenCheckpoint(signed[len(signed)-1], verifier)
	if err == nil && c.Log != s.log {
		err = fmt.Errorf("audit: checkpoint is of %s: %w", c.Log, ErrBad)
	}
	if err != nil {
		return c, fmt.Errorf("audit: %s: %w", path, err)
	}
	return c, nil
}

func (s *store) resume(last Checkpoint) error {
	s.signed = last.Size
	s.written = tlog.StoredHashCount(last.Size) * tlog.HashSize
	if err := s.tree.load(last.Size, hashReader{s.file}); err != nil {
		return fmt.Errorf("audit: %s: hashes are missing that a checkpoint covers: %w: %w", s.log, ErrBad, err)
	}
	if last.Size > 0 && s.tree.root() != last.Root {
		return fmt.Errorf("audit: %s: the hashes are not those of the last checkpoint: %w", s.log, ErrBad)
	}
	if err := s.file.Truncate(s.written); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

// add adds a leaf.
func (s *store) add(leaf tlog.Hash) error {
	s.scratch = s.tree.add(leaf, s.scratch[:0])
	for i := range s.scratch {
		s.pending = append(s.pending, s.scratch[i][:]...)
	}
	if len(s.pending) < flushAt {
		return nil
	}
	return s.flush()
}

func (s *store) flush() error {
	info, err := s.file.Stat()
	if err == nil && info.Size() != s.written {
		err = fmt.Errorf("another process writes to it: %w", os.ErrExist)
	}
	if err == nil {
		_, err = s.file.WriteAt(s.pending, s.written)
	}
	if err != nil {
		return fmt.Errorf("audit: hashes of %s: %w", s.log, err)
	}
	s.written += int64(len(s.pending))
	s.pending = s.pending[:0]
	return nil
}

// checkpoint signs what was added, if anything was since the last one, and
// returns when it is on the disk.
func (s *store) checkpoint(now time.Time) error {
	if s.tree.size == s.signed {
		return nil
	}
	if err := s.flush(); err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("audit: hashes of %s: %w", s.log, err)
	}
	signed, err := Checkpoint{Log: s.log, Size: s.tree.size, Root: s.tree.root(), Time: now}.sign(s.key)
	if err != nil {
		return err
	}
	if err := appendFile(filepath.Join(s.dir, fileCheckpoints), append(signed, '\n')); err != nil {
		return err
	}
	s.signed = s.tree.size
	return nil
}

func (s *store) close() error { return s.file.Close() }

// appendFile adds to a file, and returns when it is on the disk.
func appendFile(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

// FileNames returns the names of a log's files, in the order in which they may
// be copied while a recorder works: the checkpoints before what they cover.
func FileNames() []string { return []string{fileCheckpoints, fileHashes, fileRecords} }
