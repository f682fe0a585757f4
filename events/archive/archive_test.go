package archive_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/archive"
	"github.com/docsaga/docsaga/events/memlog"
)

// A system is a log in memory whose streams are saved as a line each.
type system struct {
	*memlog.Log
	fail string // the stream that cannot be saved
}

var errSave = errors.New("the disk is gone")

func (s system) Next(context.Context, events.Position) (events.Position, error) {
	return events.Position{}, events.ErrNotFound
}

func (s system) Streams() []string { return []string{"DOCSAGA_0", "DOCSAGA_1", "DOCSAGA_FILES"} }

func (s system) SaveStream(ctx context.Context, name string, w io.Writer) (json.RawMessage, error) {
	if name == s.fail {
		return nil, errSave
	}
	_, err := fmt.Fprintln(w, "content of", name)
	var last uint64
	if shard, ok := strings.CutPrefix(name, "DOCSAGA_"); ok && len(shard) == 1 {
		last, _ = s.Last(ctx, int(shard[0]-'0'))
	}
	return fmt.Appendf(nil, `{"config":{},"state":{"last_seq":%d}}`, last), err
}

func (s system) QueuePositions(context.Context) (map[string][]uint64, error) {
	return map[string][]uint64{"parsing": {3, 4}}, nil
}

func filled(t *testing.T, documents int) system {
	t.Helper()
	s := system{Log: memlog.New(memlog.Config{Shards: 2})}
	for i := range documents {
		e := events.Event{Slot: events.DocumentSlot("flow", 1, events.DocumentID(fmt.Sprintf("doc-%d", i)), events.Submitted), Source: "/test", Worker: "w"}
		if _, err := s.Write(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestABackupIsOpenedAndHandsOutItsStreams(t *testing.T) {
	s, dir := filled(t, 20), filepath.Join(t.TempDir(), "backup")
	if _, err := archive.Backup(t.Context(), s, dir, "", time.Unix(1e9, 0)); err != nil {
		t.Fatal(err)
	}
	m, err := archive.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	err = m.RestoreStreams(dir, func(name string, _ json.RawMessage, r io.Reader) error {
		raw, err := io.ReadAll(r)
		got = append(got, name+": "+string(raw))
		return err
	})
	if err != nil || strings.Join(got, "") != "DOCSAGA_0: content of DOCSAGA_0\nDOCSAGA_1: content of DOCSAGA_1\nDOCSAGA_FILES: content of DOCSAGA_FILES\n" {
		t.Errorf("restored %q, error %v", got, err)
	}
	if err := m.Compare(t.Context(), s); err != nil {
		t.Errorf("the same log: %v", err)
	}
	if err := m.Compare(t.Context(), filled(t, 20)); !errors.Is(err, archive.ErrDamaged) {
		t.Errorf("a log with other times of storing: %v, want ErrDamaged", err)
	}
	if err := m.Compare(t.Context(), filled(t, 19)); !errors.Is(err, archive.ErrDamaged) {
		t.Errorf("a shorter log: %v, want ErrDamaged", err)
	}
	if _, err := archive.Backup(t.Context(), s, dir, "", time.Now()); !errors.Is(err, events.ErrConflict) {
		t.Errorf("over a backup: %v, want ErrConflict", err)
	}
}

func TestABackupThatWasNotFinishedIsNone(t *testing.T) {
	s, dir := filled(t, 3), t.TempDir()
	s.fail = "DOCSAGA_FILES"
	if _, err := archive.Backup(t.Context(), s, dir, "", time.Now()); !errors.Is(err, errSave) {
		t.Fatalf("error %v, want that of the stream", err)
	}
	if _, err := archive.Open(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want ErrNotExist", err)
	}
}

func TestADamagedBackupIsNamed(t *testing.T) {
	tests := map[string]struct {
		do   func(dir string) error
		says string
	}{
		"missing stream": {func(dir string) error { return os.Remove(filepath.Join(dir, "streams", "DOCSAGA_1.snapshot")) }, "DOCSAGA_1.snapshot is missing"},
		"longer stream": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "streams", "DOCSAGA_1.snapshot"), []byte("content of DOCSAGA_1\n\n"), 0o600)
		}, "DOCSAGA_1.snapshot was changed"},
		"foreign format": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "manifest.json"), []byte(`{"format":"other"}`), 0o600)
		}, `format "other"`},
		"no manifest of ours": {func(dir string) error { return os.WriteFile(filepath.Join(dir, "manifest.json"), []byte(`[]`), 0o600) }, "manifest.json"},
		"path outside": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "manifest.json"), []byte(`{"format":"docsaga-backup-1","audit":[{"path":"../x"}]}`), 0o600)
		}, "../x"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if _, err := archive.Backup(t.Context(), filled(t, 3), dir, "", time.Now()); err != nil {
				t.Fatal(err)
			}
			if err := tt.do(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := archive.Open(dir); !errors.Is(err, archive.ErrDamaged) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v, want ErrDamaged that says %s", err, tt.says)
			}
		})
	}
}
