package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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

// A crime is something done to the files of a stopped system, and what the
// audit must say.
type crime struct {
	do   func(s crimeScene)
	says string
}

func crimes() map[string]crime {
	return map[string]crime{
		"a bit of a block flipped": {func(s crimeScene) {
			raw, _ := os.ReadFile(s.block("DOCSAGA_1", 1))
			raw[len(raw)/2+bytes.Index(raw[len(raw)/2:], []byte("example.com"))] ^= 1
			_ = os.WriteFile(s.block("DOCSAGA_1", 1), raw, 0o600)
		}, "missing: 1-"},
		"a block removed": {func(s crimeScene) { _ = os.Remove(s.block("DOCSAGA_1", 1)) }, "missing: 1-1 to 1-"},
		"a stream's directory removed": {func(s crimeScene) {
			_ = os.RemoveAll(filepath.Dir(s.block("DOCSAGA_1", 1)))
		}, "log-1: the log ends at 0"},
		"data rewritten with a valid checksum": {func(s crimeScene) {
			s.edit(1, func(list []stored) []stored {
				list[40].data = bytes.Replace(list[40].data, []byte("example.com"), []byte("exemple.com"), 1)
				return list
			})
		}, "1-41: "},
		"a header rewritten with a valid checksum": {func(s crimeScene) {
			s.edit(1, func(list []stored) []stored {
				list[40].header = bytes.Replace(list[40].header, []byte("/docsaga/"), []byte("/docsega/"), 1)
				return list
			})
		}, "1-41: "},
		"the time of storing rewritten": {func(s crimeScene) {
			s.edit(1, func(list []stored) []stored {
				list[40].at += 1000
				return list
			})
		}, "1-41: "},
		"two events swapped": {func(s crimeScene) {
			s.edit(1, func(list []stored) []stored {
				list[40], list[41] = list[41], list[40]
				list[40].seq, list[41].seq = 41, 42
				return list
			})
		}, "the order was changed"},
		"an event put in place of another": {func(s crimeScene) {
			s.edit(1, func(list []stored) []stored {
				list[40].subject = strings.Replace(list[40].subject, "doc-", "doc-x", 1)
				return list
			})
		}, "1-41: "},
		"an event removed and the rest renumbered": {func(s crimeScene) {
			s.edit(1, func(list []stored) []stored { return numbered(slices.Delete(list, 40, 41)) })
		}, "1-41: an event is missing here"},
		"an event inserted and the rest renumbered": {func(s crimeScene) {
			s.edit(1, func(list []stored) []stored {
				forged := list[2]
				forged.subject = strings.Replace(forged.subject, "doc-", "doc-x", 1)
				return numbered(slices.Insert(list, 40, forged))
			})
		}, "was inserted: what was recorded here stands at 42"},
		"an event removed and a hole left": {func(s crimeScene) {
			s.edit(1, func(list []stored) []stored { return slices.Delete(list, 40, 41) })
		}, "1 event is missing: 1-41 to 1-41"},
		"the directory rolled back": {func(s crimeScene) {
			s.edit(lastBlock(s), func(list []stored) []stored { return list[:len(list)-5] })
		}, "it was rolled back, 5 events are missing"},
		"rolled back, and other events written": {func(s crimeScene) {
			s.edit(lastBlock(s), func(list []stored) []stored {
				for i := range 5 {
					list[len(list)-1-i].data = []byte(`{}`)
				}
				return list
			})
		}, "is not the event that was recorded"},
		"a definition rewritten": {func(s crimeScene) {
			path := s.block("KV_DOCSAGA_definitions", 1)
			list := readBlock(s.t, path)
			list[0].data = bytes.Replace(list[0].data, []byte("PT"), []byte("pT"), 1)
			list[0].data = append(list[0].data, ' ')
			writeBlock(s.t, path, list)
		}, "definition pdf-validation.1: was changed"},
		"a file rewritten": {func(s crimeScene) {
			path := s.block("DOCSAGA_FILES", 1)
			list := readBlock(s.t, path)
			for i := range list {
				list[i].data = bytes.Replace(list[i].data, []byte("submitted"), []byte("Submitted"), 1)
			}
			writeBlock(s.t, path, list)
		}, "file sha256:"},
		"signed anew by another key": {func(s crimeScene) {
			s.edit(1, func(list []stored) []stored {
				list[40].at += 1000
				return list
			})
			_ = os.RemoveAll(filepath.Join(s.dir, "audit"))
			mine := s
			mine.key = filepath.Join(s.t.TempDir(), "other.key")
			if code, _, errOut := docsaga(s.t, "audit", "keygen", mine.key, "--name", "example.org/test"); code != exitOK {
				s.t.Fatal(errOut)
			}
			broker, err := embedded.Start(embedded.Config{Dir: filepath.Join(s.dir, "nats"), Addr: "127.0.0.1:0", Durability: natslog.Relaxed})
			if err != nil {
				s.t.Fatal(err)
			}
			defer broker.Stop()
			mine.sign(broker.URL())
		}, "not signed by the key example.org/test"},
	}
}

func numbered(list []stored) []stored {
	for i := range list {
		list[i].seq = uint64(i + 1)
	}
	return list
}

func lastBlock(s crimeScene) int {
	n := 1
	for {
		if _, err := os.Stat(s.block("DOCSAGA_1", n+1)); err != nil {
			return n
		}
		n++
	}
}

func TestAuditNamesWhatWasDoneToTheStoredLog(t *testing.T) {
	documents := 10_000
	if testing.Short() || underRace {
		documents = 400
		t.Logf("%d documents only; make e2e has 10,000", documents)
	}
	whole := newCrimeScene(t, documents)
	code, r := whole.copyOf(t).verify(t)
	if code != exitOK || !r.OK() || r.Events != uint64(7*documents+changesAtStart) || r.Files != 1 || r.Checkpoints != 9 {
		t.Fatalf("untouched: code %d, %+v", code, r)
	}
	for name, c := range crimes() {
		t.Run(name, func(t *testing.T) {
			s := whole.copyOf(t)
			s.t = t
			c.do(s)
			code, r := s.verify(t)
			var said []string
			for _, f := range r.Findings {
				said = append(said, f.Where+": "+f.What)
			}
			if len(said) > 8 {
				said = append(said[:8], fmt.Sprintf("and %d more", len(said)-8))
			}
			if text := strings.Join(said, "\n"); code != exitFailed || !strings.Contains(text, c.says) {
				t.Errorf("code %d, it says\n%s\nwant code %d and something with %q", code, text, exitFailed, c.says)
			}
		})
	}
}

func TestAnExportedDocumentVerifiesWithNothingButFileKeyAndProgram(t *testing.T) {
	s := newCrimeScene(t, 20)
	url := s.open(t)
	alone := t.TempDir()
	file, key := filepath.Join(alone, "doc.json"), filepath.Join(alone, "key.pub")
	public, err := os.ReadFile(s.key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key, public, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := docsaga(t, "audit", "export", "doc-0", file, "--nats", url, "--data", s.dir, "--audit-pub", key); code != exitOK {
		t.Fatal(errOut)
	}
	_, proved, _ := docsaga(t, "audit", "prove", "doc-0", "--nats", url, "--data", s.dir, "--audit-pub", key)
	t.Chdir(alone)
	t.Setenv("DOCSAGA_NATS", "nats://127.0.0.1:1")
	code, out, errOut := docsaga(t, "audit", "verify", "doc.json", "--audit-pub", "key.pub")
	if code != exitOK || out != proved || strings.Count(out, "docsaga.") != 7 || !strings.Contains(out, "sha256:") {
		t.Errorf("code %d: %s%s\nprove says %s", code, out, errOut, proved)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(raw); at += 1 + len(raw)/50 {
		changed := bytes.Clone(raw)
		changed[at] ^= 1
		if err := os.WriteFile(file, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, _ := docsaga(t, "audit", "verify", "doc.json", "--audit-pub", "key.pub"); code != exitFailed {
			t.Errorf("byte %d of %d changed: code %d, want %d", at, len(raw), code, exitFailed)
		}
	}
}

func TestAuditSaysWhatItNeeds(t *testing.T) {
	dir := t.TempDir()
	tests := map[string]struct {
		args []string
		code int
		says string
	}{
		"no public key":    {[]string{"audit", "verify"}, exitUsage, "--audit-pub"},
		"no private key":   {[]string{"audit", "checkpoint"}, exitUsage, "--audit-key"},
		"missing key":      {[]string{"audit", "verify", "--audit-pub", filepath.Join(dir, "none")}, exitNotFound, "none"},
		"missing document": {[]string{"audit", "prove", "a.b"}, exitUsage, "--audit-pub"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if code, _, errOut := docsaga(t, tt.args...); code != tt.code || !strings.Contains(errOut, tt.says) {
				t.Errorf("code %d, %q; want code %d and %q", code, errOut, tt.code, tt.says)
			}
		})
	}
}
