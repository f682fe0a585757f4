package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/highwayhash"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/audit"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/natslog/embedded"
)

// A stored is a message in a block file of the server.
type stored struct {
	seq, at      uint64
	subject      string
	header, data []byte
	hasHeader    bool
}

const headerBit = 1 << 31

// readBlock reads the records of a block file; see package anchor for its form.
func readBlock(t *testing.T, path string) (list []stored) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	for len(raw) > 0 {
		length := le.Uint32(raw)
		rec := raw[:length&^headerBit]
		s := stored{seq: le.Uint64(rec[4:]), at: le.Uint64(rec[12:]), hasHeader: length&headerBit != 0}
		body := rec[22 : len(rec)-8]
		n := int(le.Uint16(rec[20:]))
		s.subject, body = string(body[:n]), body[n:]
		if s.hasHeader {
			h := int(le.Uint32(body))
			s.header, body = bytes.Clone(body[4:4+h]), body[4+h:]
		}
		s.data = bytes.Clone(body)
		list = append(list, s)
		raw = raw[len(rec):]
	}
	return list
}

// writeBlock writes records with checksums as the server makes them, and
// removes the index, so that the server reads them.
func writeBlock(t *testing.T, path string, list []stored) {
	t.Helper()
	stream := filepath.Base(filepath.Dir(filepath.Dir(path)))
	key := sha256.Sum256([]byte(stream + "-" + strings.TrimSuffix(filepath.Base(path), ".blk")))
	hash, err := highwayhash.New64(key[:])
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	var out []byte
	for _, s := range list {
		size := uint32(22 + len(s.subject) + len(s.data) + 8)
		if s.hasHeader {
			size += uint32(4+len(s.header)) | headerBit
		}
		rec := le.AppendUint32(nil, size)
		rec = le.AppendUint64(rec, s.seq)
		rec = le.AppendUint64(rec, s.at)
		rec = le.AppendUint16(rec, uint16(len(s.subject)))
		hash.Reset()
		for _, part := range [][]byte{rec[4:20], []byte(s.subject), s.header, s.data} {
			_, _ = hash.Write(part)
		}
		rec = append(rec, s.subject...)
		if s.hasHeader {
			rec = append(le.AppendUint32(rec, uint32(len(s.header))), s.header...)
		}
		out = append(out, hash.Sum(append(rec, s.data...))...)
	}
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(filepath.Dir(path), "index.db")); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
}

// A crime scene is a directory of a stopped system with its evidence.
type crimeScene struct {
	t        *testing.T
	dir, key string
}

func (s crimeScene) block(stream string, number int) string {
	return filepath.Join(s.dir, "nats", "jetstream", "$G", "streams", stream, "msgs", fmt.Sprintf("%d.blk", number))
}

// edit changes the records of a block.
func (s crimeScene) edit(number int, change func([]stored) []stored) {
	s.t.Helper()
	path := s.block("DOCSAGA_1", number)
	writeBlock(s.t, path, change(readBlock(s.t, path)))
}

// newCrimeScene makes a system with so many documents, records and signs it,
// and stops it. Half of the documents come before the first checkpoint.
func newCrimeScene(t *testing.T, documents int) crimeScene {
	t.Helper()
	s := crimeScene{t: t, dir: t.TempDir()}
	s.key = filepath.Join(t.TempDir(), "audit.key")
	if code, _, errOut := docsaga(t, "audit", "keygen", s.key, "--name", "example.org/test"); code != exitOK {
		t.Fatal(errOut)
	}
	sys := startLog(t, s.dir)
	file, err := sys.log.Files().Put(t.Context(), "doc-0", events.StepDocument, "text/plain", strings.NewReader("what was submitted"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		fillFrom(t, sys, documents, file.Ref)
		s.sign(sys.broker.URL())
		documents *= -1 // the other half
	}
	sys.close()
	return s
}

func (s crimeScene) sign(url string) {
	s.t.Helper()
	if code, out, errOut := docsaga(s.t, "audit", "checkpoint", "--nats", url, "--data", s.dir, "--audit-key", s.key); code != exitOK || strings.Count(out, "example.org/test") != 10 {
		s.t.Fatalf("checkpoint: code %d, %s %s", code, out, errOut)
	}
}

// fillFrom writes documents 0 to n/2, or for a negative n the other half.
func fillFrom(t *testing.T, sys *system, n int, ref string) {
	t.Helper()
	from, to := 0, n/2
	if n < 0 {
		from, to = -n/2, -n
	}
	fillWith(t, sys, from, to, func(e *events.Event) {
		if e.Slot.Document == "doc-0" && e.Slot.Step == "location" {
			e.Data = fmt.Appendf(nil, `{"output":{"file":{"ref":%q,"size":18,"mediaType":"text/plain"}}}`, ref)
		}
	})
}

// copyOf returns a copy of the scene that can be tampered with.
func (s crimeScene) copyOf(t *testing.T) crimeScene {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(s.dir)); err != nil {
		t.Fatal(err)
	}
	return crimeScene{t: t, dir: dir, key: s.key}
}

// open starts a server on the directory, past all checks of ours.
func (s crimeScene) open(t *testing.T) (url string) {
	t.Helper()
	broker, err := embedded.Start(embedded.Config{Dir: filepath.Join(s.dir, "nats"), Addr: "127.0.0.1:0", Durability: natslog.Relaxed})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Stop)
	return broker.URL()
}

// verify returns the exit code of audit verify and what it found.
func (s crimeScene) verify(t *testing.T) (int, audit.Result) {
	t.Helper()
	code, out, errOut := docsaga(t, "audit", "verify", "--files", "--nats", s.open(t), "--data", s.dir, "--audit-pub", s.key+".pub", "-o", "json")
	var r audit.Result
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("code %d, %s, %s", code, out, errOut)
	}
	return code, r
}
