package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/natslog/embedded"
)

// A crime is something done to the files of a stopped system, and what the
// audit must say.
type crime struct {
	do   func(s crimeScene)
	says string
}

// crimes are those against the log, and those against what is kept of it.
func crimes() map[string]crime {
	all := crimesAgainstTheLog()
	maps.Copy(all, crimesAgainstTheEvidence())
	return all
}

// changes edits the block that holds the changes of the system.
func (s crimeScene) changes(edit func([]stored) []stored) {
	s.t.Helper()
	shard := events.Shard(events.DocumentAdmin, 4)
	path := s.block(fmt.Sprintf("DOCSAGA_%d", shard), 1)
	writeBlock(s.t, path, edit(readBlock(s.t, path)))
}

// alter changes a text in a file of the audit directory.
func (s crimeScene) alter(name, from, to string) {
	s.t.Helper()
	path := filepath.Join(s.dir, "audit", name)
	raw, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(raw, []byte(from)) {
		s.t.Fatalf("%s does not hold %q: %v", name, from, err)
	}
	if err := os.WriteFile(path, bytes.Replace(raw, []byte(from), []byte(to), 1), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func crimesAgainstTheEvidence() map[string]crime {
	return map[string]crime{
		"who deployed rewritten": {func(s crimeScene) {
			s.changes(func(list []stored) []stored {
				for i := range list {
					list[i].data = bytes.Replace(list[i].data, []byte(`"actor":"`), []byte(`"actor":"x`), 1)
				}
				return list
			})
		}, "docsaga-admin.definition.1.changed is not the event that was recorded"},
		"a change of the system removed": {func(s crimeScene) {
			s.changes(func(list []stored) []stored {
				return slices.DeleteFunc(list, func(m stored) bool { return strings.Contains(m.subject, "docsaga-admin.settings") })
			})
		}, "1 event is missing"},
		"a checkpoint that says another time":     {func(s crimeScene) { s.alter("log-2/checkpoints", "\ntime 2", "\ntime 1") }, "log-2, checkpoint 1: "},
		"a checkpoint put to another shard":       {func(s crimeScene) { s.alter("log-2/checkpoints", "/log-2\n", "/log-1\n") }, "log-2, checkpoint 1: "},
		"the checkpoints of a shard removed":      {func(s crimeScene) { _ = os.Remove(filepath.Join(s.dir, "audit", "log-3", "checkpoints")) }, "log-3: has no checkpoint"},
		"the record of a definition rewritten":    {func(s crimeScene) { s.alter("definitions/records", "pdf-validation 1 ", "pdf-validation 2 ") }, "definitions: the records up to"},
		"the recorded hashes of a shard replaced": {replaceHashes, "log-2: the recorded hashes"},
	}
}

// replaceHashes puts the hashes of one shard in place of those of another.
func replaceHashes(s crimeScene) {
	raw, err := os.ReadFile(filepath.Join(s.dir, "audit", "log-1", "hashes"))
	if err == nil {
		err = os.WriteFile(filepath.Join(s.dir, "audit", "log-2", "hashes"), raw, 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func crimesAgainstTheLog() map[string]crime {
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
