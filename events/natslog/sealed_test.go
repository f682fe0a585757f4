package natslog_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/logtest"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/natslog/embedded"
	"github.com/docsaga/docsaga/events/seal"
)

const secret = "Anna-Musterfrau-4711"

// sealing is a log that gives every document a key before it is touched.
type sealing struct{ *natslog.Log }

func (s sealing) key(ctx context.Context, document events.DocumentID) {
	raw := make([]byte, seal.KeySize)
	_, _ = rand.Read(raw)
	_, _ = s.Keys().Make(ctx, document, append([]byte("k"), raw...)) // what is wrong with the id, the log says
}

func (s sealing) Write(ctx context.Context, e events.Event) (events.Event, error) {
	s.key(ctx, e.Slot.Document)
	return s.Log.Write(ctx, e)
}

type sealingFiles struct {
	*natslog.Files
	s sealing
}

func (f sealingFiles) Put(ctx context.Context, document events.DocumentID, step events.StepID, mediaType string, r io.Reader) (events.File, error) {
	f.s.key(ctx, document)
	return f.Files.Put(ctx, document, step, mediaType, r)
}

func TestASealedLogIsALogAsAnyOther(t *testing.T) {
	logtest.Run(t, func(t *testing.T) logtest.Log {
		t.Helper()
		nc := start(t, natslog.Relaxed)
		l := underTest(open(t, nc, natslog.Config{Durability: natslog.Relaxed}), nc)
		s := sealing{l.Slots.(*natslog.Log)}
		l.Slots, l.Files = s, sealingFiles{s.Files(), s}
		return l
	})
}

// onDisk starts a server on a directory and returns a log in it that seals.
func onDisk(t *testing.T, opts natslog.Options) (*natslog.Log, *nats.Conn, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := embedded.Start(embedded.Config{Dir: dir, Durability: natslog.Strict, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	nc := connect(t, s)
	open(t, nc, natslog.Config{Shards: 1})
	return again(t, nc, opts), nc, dir
}

func again(t *testing.T, nc *nats.Conn, opts natslog.Options) *natslog.Log {
	t.Helper()
	opts.Logger = quiet()
	l, err := natslog.Open(t.Context(), nc, opts)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// grep returns the files below a directory that hold the bytes.
func grep(t *testing.T, dir string, what []byte) []string {
	t.Helper()
	var in []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(path)
		if bytes.Contains(raw, what) {
			in = append(in, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func submitted(document events.DocumentID, data string) events.Event {
	return events.Event{
		Slot: events.DocumentSlot("flow", 1, document, events.Submitted), Source: "/test", Worker: "w-" + string(document), Data: []byte(data),
	}
}

func rejected() events.Event {
	e := submitted("a", `{"output":{"name":"`+secret+`"},"error":{"code":"too-bad","message":"`+secret+`"}}`)
	e.Slot = events.Slot{Definition: "flow", Version: 1, Document: "a", Step: "look", Visit: 1, Kind: events.Outcome, Again: 1}
	e.Result = events.Rejected
	return e
}

func write(t *testing.T, l *natslog.Log, e events.Event) events.Event {
	t.Helper()
	stored, err := l.Write(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func put(t *testing.T, l *natslog.Log, document events.DocumentID, step events.StepID, content string) events.File {
	t.Helper()
	f, err := l.Files().Put(t.Context(), document, step, "text/plain", strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// all follows the first shard to its end.
func all(t *testing.T, l *natslog.Log) []events.Delivery {
	t.Helper()
	last, err := l.Last(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	var list []events.Delivery
	for batch, err := range l.Follow(t.Context(), events.Position{}) {
		if err != nil {
			t.Fatal(err)
		}
		if list = append(list, batch...); list[len(list)-1].Event.Position.Seq >= last {
			return list
		}
	}
	return list
}

func TestWhatADocumentHoldsIsNowhereOnTheDiskAndReadByAll(t *testing.T) {
	l, nc, dir := onDisk(t, natslog.Options{Seal: true})
	first, second := submitted("a", `{"output":{"name":"`+secret+`"}}`), rejected()
	write(t, l, first)
	write(t, l, second)
	large := strings.Repeat(secret+"\n", 40_000)
	small, big := put(t, l, "a", "look", secret), put(t, l, "a", "look", large)
	other := again(t, nc, natslog.Options{}) // a process that has seen no key
	for name, log := range map[string]*natslog.Log{"the writer": l, "another process": other} {
		history, err := log.History(t.Context(), "a")
		if err != nil || len(history) != 2 || !bytes.Equal(history[0].Data, first.Data) || !bytes.Equal(history[1].Data, second.Data) {
			t.Errorf("%s reads %+v, %v", name, history, err)
		}
		for i, d := range all(t, log) {
			if want := []events.Event{first, second}[i]; !bytes.Equal(d.Event.Data, want.Data) || d.Bad != nil {
				t.Errorf("%s follows %s, %v", name, d.Event.Data, d.Bad)
			}
			if !events.IsSealed(d.Data) || bytes.Contains(d.Data, []byte(secret)) {
				t.Errorf("the message is %s, want it sealed", d.Data)
			}
		}
		for file, want := range map[events.File]string{small: secret, big: large} {
			r, err := log.Files().Open(t.Context(), "a", file)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || string(got) != want {
				t.Errorf("%s reads %d bytes of the file, want %d; %v", name, len(got), len(want), err)
			}
		}
		if last, err := log.Files().Last(t.Context(), "a", "look"); err != nil || last != big {
			t.Errorf("%s: the last file is %v, %v; want %v", name, last, err, big)
		}
	}
	digest, _ := small.Digest()
	for _, what := range []string{secret, digest, base64.StdEncoding.EncodeToString([]byte(secret))} {
		if in := grep(t, dir, []byte(what)); len(in) > 0 {
			t.Errorf("%q is in %v", what, in)
		}
	}
	if in := grep(t, dir, []byte("too-bad")); len(in) == 0 {
		t.Error("the code of the rejection is not in the log: either the search finds nothing, or it cannot be folded without a key")
	}
}

func TestADestroyedKeyIsGoneFromTheDiskAndNeverMadeAgain(t *testing.T) {
	l, nc, dir := onDisk(t, natslog.Options{Seal: true})
	write(t, l, submitted("a", `{"output":{"name":"`+secret+`"}}`))
	write(t, l, rejected())
	write(t, l, submitted("b", `{"output":{"name":"stays"}}`))
	file := put(t, l, "a", "look", secret)
	stored, err := l.Keys().Get(t.Context(), []events.DocumentID{"a"})
	if err != nil || len(stored[0]) != 1+seal.KeySize {
		t.Fatalf("the key is kept as %d bytes, %v", len(stored[0]), err)
	}
	key := stored[0][1:]
	if in := grep(t, dir, key); len(in) == 0 {
		t.Fatal("the search does not find a key that is there")
	}
	for range 2 { // it may be destroyed again
		if err := l.Keys().Destroy(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
	}
	for _, form := range [][]byte{key, []byte(base64.StdEncoding.EncodeToString(key)), []byte(hex.EncodeToString(key))} {
		if in := grep(t, dir, form); len(in) > 0 {
			t.Errorf("the key is still in %v", in)
		}
	}
	other := again(t, nc, natslog.Options{Seal: true})
	history, err := other.History(t.Context(), "a")
	if err != nil || len(history) != 2 || string(history[0].Data) != `{"erased":true}` || string(history[1].Data) != `{"error":{"code":"too-bad"},"erased":true}` {
		t.Errorf("the history reads %+v, %v", history, err)
	}
	if _, err := other.Files().Open(t.Context(), "a", file); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("the file: %v, want ErrNotFound", err)
	}
	if _, err := other.Write(t.Context(), submitted("a", `{"output":{"name":"again"}}`)); !errors.Is(err, events.ErrTaken) {
		t.Errorf("the same id again: %v, want ErrTaken", err)
	}
	late := rejected()
	late.Slot.Step = "late"
	write(t, other, late)
	if got, err := other.Read(t.Context(), late.Slot); err != nil || !got.Erased() {
		t.Errorf("what is written afterwards reads %s, %v; want it erased", got.Data, err)
	}
	if got, err := other.Submission(t.Context(), "b"); err != nil || !bytes.Contains(got.Data, []byte("stays")) {
		t.Errorf("the other document reads %s, %v", got.Data, err)
	}
}

func TestABoxInAnotherSlotIsNoEvent(t *testing.T) {
	l, nc, _ := onDisk(t, natslog.Options{Seal: true})
	write(t, l, submitted("a", `{"output":1}`))
	e := rejected()
	write(t, l, e)
	messages, err := l.Messages(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	moved := e
	moved.Slot.Step = "elsewhere"
	for name, data := range map[string][]byte{
		"moved":     messages[1].Data,
		"cut short": append(append([]byte{}, messages[1].Data[:60]...), `"}`...),
		"no base64": []byte(`{"sealed":"?"}`),
		"no JSON":   []byte(`{"sealed":"`),
	} {
		moved.Slot.Visit++
		if _, err := nc.RequestMsg(&nats.Msg{Subject: moved.Slot.Subject(), Header: moved.Header(), Data: data}, 5e9); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Read(t.Context(), moved.Slot); !errors.Is(err, events.ErrBadEvent) {
			t.Errorf("%s: %v, want ErrBadEvent", name, err)
		}
		list := all(t, l)
		if d := list[len(list)-1]; !errors.Is(d.Bad, events.ErrBadEvent) {
			t.Errorf("%s: followed as %v, want ErrBadEvent", name, d.Bad)
		}
	}
}

func TestWrappedKeysNeedTheMaster(t *testing.T) {
	master := func(b byte) *seal.Master {
		m, err := seal.NewMaster([]byte(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, seal.KeySize))))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	l, nc, _ := onDisk(t, natslog.Options{Seal: true, Master: master(1)})
	write(t, l, submitted("a", `{"output":{"name":"`+secret+`"}}`))
	if got, err := again(t, nc, natslog.Options{Master: master(1)}).Submission(t.Context(), "a"); err != nil || !bytes.Contains(got.Data, []byte(secret)) {
		t.Errorf("with the master: %s, %v", got.Data, err)
	}
	for name, other := range map[string]*natslog.Log{
		"another master": again(t, nc, natslog.Options{Seal: true, Master: master(2)}), "no master": again(t, nc, natslog.Options{Seal: true}),
	} {
		if got, err := other.Submission(t.Context(), "a"); err != nil || !events.IsSealed(got.Data) {
			t.Errorf("%s: reads %s, %v; want it sealed still", name, got.Data, err)
		}
		if _, err := other.Write(t.Context(), rejected()); !errors.Is(err, seal.ErrMaster) {
			t.Errorf("%s: writes with %v, want ErrMaster", name, err)
		}
	}
}

func TestADocumentWithoutAKeyIsStoredAsItIs(t *testing.T) {
	l, nc, _ := onDisk(t, natslog.Options{})
	e := submitted("a", `{"output":{"name":"plain"}}`)
	write(t, l, e)
	sealed := again(t, nc, natslog.Options{Seal: true})
	write(t, sealed, rejected())
	for _, d := range all(t, sealed) {
		if events.IsSealed(d.Data) || d.Bad != nil {
			t.Errorf("%s is %s, %v", d.Event.ID(), d.Data, d.Bad)
		}
	}
}

func TestAKeyIsNotDestroyedWithoutItsMark(t *testing.T) {
	nc := start(t, natslog.Relaxed)
	l, js := open(t, nc, natslog.Config{Shards: 1, Durability: natslog.Relaxed}), manage(t, nc)
	sealing{l}.key(t.Context(), "a")
	limit := func(messages int64) {
		t.Helper()
		s, err := js.Stream(t.Context(), "DOCSAGA_KEYS")
		if err == nil {
			conf := s.CachedInfo().Config
			conf.MaxMsgs = messages
			_, err = js.UpdateStream(t.Context(), conf)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	kept := func() string {
		t.Helper()
		list, err := l.Keys().Get(t.Context(), []events.DocumentID{"a"})
		if err != nil {
			t.Fatal(err)
		}
		return string(list[0])
	}
	limit(1)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := l.Keys().Destroy(ctx, "a"); err == nil || len(kept()) != 1+seal.KeySize {
		t.Errorf("the mark cannot be stored: %v, %d bytes are kept; want an error, and the key", err, len(kept()))
	}
	limit(-1)
	if err := errors.Join(l.Keys().Destroy(t.Context(), "a"), l.Keys().Destroy(t.Context(), "a")); err != nil || kept() != seal.Gone {
		t.Errorf("then: %v, %q is kept", err, kept())
	}
}
