package signed_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/logtest"
	"github.com/docsaga/docsaga/events/memlog"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/natslog/embedded"
	"github.com/docsaga/docsaga/events/signed"
)

func newKey(t testing.TB, name string, sources ...string) (signed.Signer, ed25519.PrivateKey) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".pem")
	s, err := signed.NewKey(path, name, sources)
	if err != nil {
		t.Fatal(err)
	}
	key, err := signed.LoadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	return s, key
}

func guard(t testing.TB, key ed25519.PrivateKey, signers ...signed.Signer) *signed.Guard {
	t.Helper()
	var all *signed.Signers
	if len(signers) > 0 {
		all = &signed.Signers{List: signers}
	}
	g, err := signed.NewGuard(key, all)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// both runs a test on both logs. again opens the log with another guard.
func both(t *testing.T, test func(t *testing.T, open func(events.Guard) logtest.Log)) {
	t.Helper()
	t.Run("in memory", func(t *testing.T) { test(t, inMemory) })
	t.Run("on NATS", func(t *testing.T) {
		server, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Durability: natslog.Relaxed, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Stop)
		nc, err := server.Connect()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		if err := natslog.Provision(t.Context(), nc, natslog.Config{Durability: natslog.Relaxed}); err != nil {
			t.Fatal(err)
		}
		test(t, func(g events.Guard) logtest.Log { return onNATS(t, nc, g) })
	})
}

func inMemory(g events.Guard) logtest.Log {
	l := memlog.New(memlog.Config{AckWait: logtest.AckWait, Guard: g})
	return logtest.Log{Slots: l, Shards: l, Queues: l, Definitions: l, Files: l.Files(), Put: func(subject string, header events.Header, data []byte) error {
		if !l.Put(subject, header, data) {
			return errors.New("taken")
		}
		return nil
	}}
}

func onNATS(t *testing.T, nc *nats.Conn, g events.Guard) logtest.Log {
	t.Helper()
	l, err := natslog.Open(t.Context(), nc, natslog.Options{Guard: g, AckWait: logtest.AckWait, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return logtest.Log{Slots: l, Shards: l, Queues: l, Definitions: l, Files: l.Files(), Put: func(subject string, header events.Header, data []byte) error {
		_, err := nc.RequestMsg(&nats.Msg{Subject: subject, Header: header, Data: data}, 5*time.Second)
		return err
	}}
}

func outcome(document events.DocumentID, version int) events.Event {
	return events.Event{
		Slot:   events.Slot{Definition: "flow", Version: version, Document: document, Step: "look", Visit: 1, Kind: events.Outcome, Again: 1},
		Result: events.Completed, Source: events.SourceService("look"), Time: time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC),
		Cause: string(document) + ".document.1.submitted", Worker: "v1/x", Data: []byte(`{"output":{"a":1}}`),
	}
}

// only returns the one delivery that the shard of the document a holds.
func only(t *testing.T, l logtest.Log) events.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for batch, err := range l.Follow(ctx, events.Position{Shard: events.Shard("a", l.Shards.Shards())}) {
		if err != nil {
			t.Fatal(err)
		}
		return batch[0]
	}
	t.Fatal("nothing came")
	return events.Delivery{}
}

// sign returns what a log holds of an event that the key has signed.
func sign(t *testing.T, e events.Event, key ed25519.PrivateKey) (subject string, h events.Header, data []byte) {
	t.Helper()
	if err := guard(t, key).Sign(&e); err != nil {
		t.Fatal(err)
	}
	return e.Slot.Subject(), e.Header(), e.Data
}

func TestASignedLogIsALogAsAnyOther(t *testing.T) {
	signer, key := newKey(t, "all", "*")
	logtest.Run(t, func(t *testing.T) logtest.Log {
		t.Helper()
		l := inMemory(guard(t, key, signer))
		put := l.Put
		l.Put = func(subject string, h events.Header, data []byte) error { // as a foreign program that signs
			if e, err := events.Decode(subject, events.LinesOf(h), data); err == nil {
				subject, h, data = sign(t, e, key)
			}
			return put(subject, h, data)
		}
		return l
	})
}

func TestASignedEventIsReadByAll(t *testing.T) {
	signer, key := newKey(t, "look", events.SourceService("look"))
	both(t, func(t *testing.T, open func(events.Guard) logtest.Log) {
		t.Helper()
		l := open(guard(t, key, signer))
		e := outcome("a", 1)
		for range 2 { // the same again is the same
			if _, err := l.Write(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		d := only(t, l)
		if d.Bad != nil || d.Event.Signature == "" || string(d.Event.Data) != string(e.Data) {
			t.Errorf("followed %+v, %v", d.Event, d.Bad)
		}
		read, err := l.Read(t.Context(), e.Slot)
		if err != nil || read.Signature != d.Event.Signature {
			t.Errorf("read %+v, %v", read, err)
		}
	})
}

// forgery is what somebody puts into a slot of the service look, version 1.
type forgery struct {
	put  func(t *testing.T) (subject string, h events.Header, data []byte)
	says string
}

func forgeries(key, others, stranger ed25519.PrivateKey) map[string]forgery {
	change := func(name, value string) func(*testing.T) (string, events.Header, []byte) {
		return func(t *testing.T) (string, events.Header, []byte) {
			t.Helper()
			subject, h, data := sign(t, outcome("a", 1), key)
			h[name] = []string{value}
			return subject, h, data
		}
	}
	return map[string]forgery{
		"unsigned": {func(*testing.T) (string, events.Header, []byte) {
			e := outcome("a", 1)
			return e.Slot.Subject(), e.Header(), e.Data
		}, "it has no signature"},
		"by a key that nobody knows": {func(t *testing.T) (string, events.Header, []byte) {
			t.Helper()
			return sign(t, outcome("a", 1), stranger)
		}, "no signer that is known"},
		"by another service's key": {func(t *testing.T) (string, events.Header, []byte) {
			t.Helper()
			return sign(t, outcome("a", 1), others)
		}, "other may not sign for"},
		"with the signature of another document's event": {func(t *testing.T) (string, events.Header, []byte) {
			t.Helper()
			_, h, _ := sign(t, outcome("b", 1), key)
			e := outcome("a", 1)
			e.Signature = h["ce-dssematerial"][0]
			return e.Slot.Subject(), e.Header(), e.Data
		}, "is of another event"},
		"moved to another version": {func(t *testing.T) (string, events.Header, []byte) {
			t.Helper()
			_, h, data := sign(t, outcome("a", 2), key)
			return outcome("a", 1).Slot.Subject(), h, data
		}, "is of another event"},
		"with other data": {func(t *testing.T) (string, events.Header, []byte) {
			t.Helper()
			subject, h, _ := sign(t, outcome("a", 1), key)
			return subject, h, []byte(`{"output":{"a":2}}`)
		}, "is of another event"},
		"with another result":      {change("ce-type", "docsaga.look.rejected"), "is of another event"},
		"with another cause":       {change("ce-causationid", "a.document.1.cancel"), "is of another event"},
		"with another writer":      {change("ce-sagaworker", "v1/y"), "is of another event"},
		"with another time":        {change("ce-time", "2026-01-02T03:04:06.678Z"), "is of another event"},
		"with less signed":         {change("ce-signedextattrs", "causationid"), "it has no signature"},
		"with no envelope":         {change("ce-dssematerial", "e30="), "no DSSE envelope"},
		"with a broken signature":  {breakSignature(key), "does not hold"},
		"with an endless envelope": {change("ce-dssematerial", strings.Repeat("e30=", 2000)), "no DSSE envelope"},
	}
}

func breakSignature(key ed25519.PrivateKey) func(t *testing.T) (string, events.Header, []byte) {
	return func(t *testing.T) (string, events.Header, []byte) {
		t.Helper()
		broken := append(ed25519.PrivateKey{}, key...)
		broken[0] ^= 1 // the seed; the public half, and so the key's id, stays
		return sign(t, outcome("a", 1), broken)
	}
}

func TestForgedEventsAreRefusedAndStandForAFailure(t *testing.T) {
	signer, key := newKey(t, "look", events.SourceService("look"))
	other, others := newKey(t, "other", events.SourceService("other"))
	_, stranger := newKey(t, "look", events.SourceService("look"))
	g := guard(t, key, signer, other)
	for name, f := range forgeries(key, others, stranger) {
		t.Run(name, func(t *testing.T) {
			l := inMemory(g)
			if err := l.Put(f.put(t)); err != nil {
				t.Fatal(err)
			}
			d := only(t, l)
			if !errors.Is(d.Bad, events.ErrUnsigned) || !errors.Is(d.Bad, events.ErrBadEvent) || !strings.Contains(d.Bad.Error(), f.says) {
				t.Errorf("refused with %v, want something with %q", d.Bad, f.says)
			}
			fact, ok := d.Fact()
			if !ok || fact.Result != events.Failed || !strings.Contains(string(fact.Data), events.CodeUnsigned) || d.Event.Data != nil {
				t.Errorf("it stands for %+v", fact)
			}
		})
	}
}

func TestTheSlotOfAForgedEventIsTakenOnBothLogs(t *testing.T) {
	signer, key := newKey(t, "look", events.SourceService("look"))
	both(t, func(t *testing.T, open func(events.Guard) logtest.Log) {
		t.Helper()
		e := outcome("a", 1)
		l := open(guard(t, key, signer))
		if err := l.Put(e.Slot.Subject(), e.Header(), e.Data); err != nil {
			t.Fatal(err)
		}
		if d := only(t, l); !errors.Is(d.Bad, events.ErrUnsigned) {
			t.Errorf("followed with %v", d.Bad)
		}
		standing, err := l.Write(t.Context(), e)
		if !errors.Is(err, events.ErrTaken) || !errors.Is(err, events.ErrUnsigned) || standing.Data != nil || standing.Slot != e.Slot {
			t.Errorf("written over: %+v, %v", standing, err)
		}
		if _, err := l.Read(t.Context(), e.Slot); !errors.Is(err, events.ErrUnsigned) {
			t.Errorf("read with %v", err)
		}
		history, err := l.History(t.Context(), "a")
		if err != nil || len(history) != 1 || history[0].Result != events.Failed {
			t.Errorf("history %+v, %v", history, err)
		}
		if err := l.Prepare(t.Context(), "q", []events.Pattern{{Definition: "flow", Version: 1, Step: "look", Kind: events.Outcome}}); err != nil {
			t.Fatal(err)
		}
		for d, err := range l.Cues(t.Context(), "q", events.Shard("a", l.Shards.Shards()), 1) {
			if err != nil || !errors.Is(d.Bad, events.ErrUnsigned) {
				t.Errorf("handed out with %v, %v", d.Bad, err)
			}
			if err := d.Ack(); err != nil {
				t.Error(err)
			}
			break
		}
	})
}

func TestACommandThatNobodySignedIsNotObeyed(t *testing.T) {
	signer, key := newKey(t, "ann", events.SourceOperator)
	for _, kind := range []events.Kind{events.Cancel, events.Compensate} {
		l := inMemory(guard(t, key, signer))
		e := events.Event{Slot: events.DocumentSlot("flow", 1, "a", kind), Source: events.SourceOperator}
		if err := l.Put(e.Slot.Subject(), e.Header(), nil); err != nil {
			t.Fatal(err)
		}
		d := only(t, l)
		if _, ok := d.Fact(); ok {
			t.Errorf("%v is a fact", kind)
		}
	}
}

func TestARevokedKeySignsForWhatCameBefore(t *testing.T) {
	signer, key := newKey(t, "look", events.SourceService("look"))
	both(t, func(t *testing.T, open func(events.Guard) logtest.Log) {
		t.Helper()
		g := guard(t, key, signer)
		l := open(g)
		if _, err := l.Write(t.Context(), outcome("a", 1)); err != nil {
			t.Fatal(err)
		}
		d := only(t, l)
		for name, c := range map[string]struct {
			at      time.Time
			refused bool
		}{"before it": {d.Event.At.Add(-time.Second), true}, "then": {d.Event.At, true}, "after it": {d.Event.At.Add(time.Second), false}} {
			revoked := signer
			revoked.Revoked = &c.at
			err := guard(t, nil, revoked).Check(&d.Event, d.Message)
			if errors.Is(err, events.ErrUnsigned) != c.refused || c.refused && !strings.Contains(err.Error(), "revoked") {
				t.Errorf("revoked %s: %v, want refused %v", name, err, c.refused)
			}
		}
	})
}

func TestWhatCameBeforeSignaturesWereAskedForNeedsNone(t *testing.T) {
	signer, _ := newKey(t, "look", "*")
	e := outcome("a", 1)
	e.At = time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	m := events.Message{Subject: e.Slot.Subject(), Header: e.HeaderLines(), Data: e.Data}
	for from, refused := range map[time.Time]bool{e.At: true, e.At.Add(1): false, {}: true} {
		g, err := signed.NewGuard(nil, &signed.Signers{List: []signed.Signer{signer}, From: from})
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Check(&e, m); errors.Is(err, events.ErrUnsigned) != refused {
			t.Errorf("from %v: %v, want refused %v", from, err, refused)
		}
	}
}

func BenchmarkGuard(b *testing.B) {
	signer, key := newKey(b, "look", "*")
	g := guard(b, key, signer)
	e := outcome("a", 1)
	b.Run("sign", func(b *testing.B) {
		for b.Loop() {
			if err := g.Sign(&e); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("check", func(b *testing.B) {
		m := events.Message{Subject: e.Slot.Subject(), Header: e.HeaderLines(), Data: e.Data}
		for b.Loop() {
			if err := g.Check(&e, m); err != nil {
				b.Fatal(err)
			}
		}
	})
}
