package anchor_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/anchor"
	"github.com/docsaga/docsaga/events/feed"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/natslog/embedded"
)

// place is a directory with a log of one shard and its anchor.
type place struct {
	*testing.T
	dir, anchor string
}

func newPlace(t *testing.T) place {
	t.Helper()
	dir := t.TempDir()
	return place{T: t, dir: filepath.Join(dir, "nats"), anchor: filepath.Join(dir, "anchor.json")}
}

// write writes so many documents, after those that are there, and anchors them
// if asked to.
func (p place) write(prefix string, documents int, anchored bool) {
	p.Helper()
	server, err := embedded.Start(embedded.Config{Dir: p.dir, Durability: natslog.Strict})
	if err != nil {
		p.Fatal(err)
	}
	defer server.Stop()
	nc, err := server.Connect()
	if err != nil {
		p.Fatal(err)
	}
	defer nc.Close()
	if err := natslog.Provision(p.Context(), nc, natslog.Config{Shards: 1}); err != nil {
		p.Fatal(err)
	}
	log, err := natslog.Open(p.Context(), nc, natslog.Options{})
	if err != nil {
		p.Fatal(err)
	}
	for i := range documents {
		id := events.DocumentID(fmt.Sprintf("%s%d", prefix, i))
		e := events.Event{Slot: events.DocumentSlot("abc", 1, id, events.Submitted), Source: "/t", Worker: "w", Time: time.Now(), Data: []byte(`{"output":{"n":"0123456789"}}`)}
		if _, err := log.Write(p.Context(), e); err != nil {
			p.Fatal(err)
		}
	}
	// What is in no slot, or no event, is in the log all the same.
	for _, subject := range []string{"docsaga.00." + prefix, events.DocumentSlot("abc", 1, events.DocumentID(prefix+"bad"), events.Cancel).Subject()} {
		if _, err := nc.RequestMsg(&nats.Msg{Subject: subject, Data: []byte("no event")}, time.Second); err != nil {
			p.Fatal(err)
		}
	}
	if anchored {
		p.follow(log)
	}
}

func (p place) follow(log *natslog.Log) {
	p.Helper()
	a, err := anchor.Open(p.anchor)
	if err != nil {
		p.Fatal(err)
	}
	last, err := log.Last(p.Context(), 0)
	if err != nil {
		p.Fatal(err)
	}
	ctx, cancel := context.WithCancel(p.Context())
	defer cancel()
	if err := feed.Run(ctx, log, a, until{last, cancel}); err != nil {
		p.Fatal(err)
	}
	if err := a.Run(ctx); err != nil { // which has ended: it writes once
		p.Fatal(err)
	}
}

// until is a reader that ends the feed at a sequence.
type until struct {
	seq uint64
	end context.CancelFunc
}

func (u until) Start(context.Context, int) (uint64, error) { return 0, nil }

func (u until) Apply(_ context.Context, _ int, batch []events.Delivery) error {
	if batch[len(batch)-1].Event.Position.Seq >= u.seq {
		u.end()
	}
	return nil
}

func (p place) block() string {
	p.Helper()
	found, err := filepath.Glob(filepath.Join(p.dir, "jetstream", "*", "streams", "DOCSAGA_0", "msgs", "1.blk"))
	if err != nil || len(found) != 1 {
		p.Fatalf("blocks %v, error %v", found, err)
	}
	return found[0]
}

// change changes the block.
func (p place) change(f func([]byte) []byte) {
	p.Helper()
	raw, err := os.ReadFile(p.block())
	if err != nil {
		p.Fatal(err)
	}
	if err := os.WriteFile(p.block(), f(raw), 0o600); err != nil {
		p.Fatal(err)
	}
}

func (p place) good(last uint64) anchor.Found {
	p.Helper()
	found, err := anchor.Check(p.dir, p.anchor)
	if err != nil || len(found) != 1 || found[0].Last != last {
		p.Fatalf("found %+v, error %v; want all %d messages", found, err, last)
	}
	return found[0]
}

func (p place) damaged(says string) {
	p.Helper()
	_, err := anchor.Check(p.dir, p.anchor)
	if !errors.Is(err, anchor.ErrDamaged) || !strings.Contains(fmt.Sprint(err), says) || !strings.Contains(fmt.Sprint(err), "To restore") {
		p.Errorf("error %v; want that it is damaged, with %q, and what to do", err, says)
	}
}

func TestAGoodLogPassesAndGoesOn(t *testing.T) {
	p := newPlace(t)
	p.write("a", 20, true)
	if f := p.good(22); f.Anchored != 22 || f.Torn {
		t.Errorf("found %+v, want all of it anchored", f)
	}
	p.write("b", 5, true)
	if f := p.good(29); f.Anchored != 29 {
		t.Errorf("found %+v, want all of it anchored", f)
	}
	p.write("c", 5, false)
	if f := p.good(36); f.Anchored != 29 {
		t.Errorf("found %+v, want 29 anchored", f)
	}
}

func TestAFlippedBitIsFoundWhereverItIs(t *testing.T) {
	p := newPlace(t)
	p.write("a", 20, true)
	raw, err := os.ReadFile(p.block())
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(raw); at += 97 {
		p.change(func([]byte) []byte {
			flipped := append([]byte(nil), raw...)
			flipped[at] ^= 4
			return flipped
		})
		p.damaged("shard 0")
	}
}

// A server alone truncates what it cannot read, and says nothing. If this
// fails, the server has learned to, and the anchor may be superfluous.
func TestTheServerAloneSwallowsTheDamage(t *testing.T) {
	p := newPlace(t)
	p.write("a", 20, true)
	p.change(func(raw []byte) []byte {
		raw[len(raw)/2] ^= 4
		return raw
	})
	for _, index := range []string{"index.db"} {
		if err := os.Remove(filepath.Join(filepath.Dir(p.block()), index)); err != nil {
			t.Fatal(err)
		}
	}
	p.damaged("cannot be read")
	p.write("b", 1, false)
	p.damaged("shard 0") // what was given out again is not what it was
}

func TestAShorterLogIsFound(t *testing.T) {
	p := newPlace(t)
	p.write("a", 20, true)
	p.change(func(raw []byte) []byte { return raw[:len(raw)-10] })
	p.damaged("after 21")
	p.change(func(raw []byte) []byte { return nil })
	p.damaged("messages 1 to 22 are missing")
	if err := os.RemoveAll(filepath.Dir(filepath.Dir(p.block()))); err != nil {
		t.Fatal(err)
	}
	p.damaged("shard 0 is gone, with 22 messages")
}

func TestAShorterLogCanBeAcceptedAndNothingElse(t *testing.T) {
	p := newPlace(t)
	p.write("a", 20, true)
	raw, err := os.ReadFile(p.block())
	if err != nil {
		t.Fatal(err)
	}
	accept := func() (string, error) {
		found, wrong := anchor.Check(p.dir, p.anchor)
		if wrong == nil {
			t.Fatal("nothing is wrong: the test shows nothing")
		}
		return anchor.Accept(p.dir, p.anchor, found, wrong)
	}
	p.change(func([]byte) []byte {
		flipped := append([]byte(nil), raw...)
		flipped[200] ^= 1
		return flipped
	})
	if _, err := accept(); !errors.Is(err, anchor.ErrDamaged) {
		t.Errorf("a flipped bit in the middle: %v, want it refused", err)
	}
	if _, err := os.Stat(p.anchor); err != nil {
		t.Errorf("the anchor is gone: %v", err)
	}
	p.change(func([]byte) []byte { return raw[:len(raw)-10] })
	record, err := accept()
	if err != nil {
		t.Fatal(err)
	}
	said, err := os.ReadFile(record)
	if err != nil || !strings.Contains(string(said), `"seq": 22`) || !strings.Contains(string(said), `"Last": 21`) {
		t.Errorf("the record says %s (error %v), want how far the log had to go and goes", said, err)
	}
	p.good(21)
	p.write("b", 3, true)
	p.good(26)
}

func TestAnotherLogIsFound(t *testing.T) {
	p, other := newPlace(t), newPlace(t)
	p.write("a", 20, true)
	other.write("b", 30, false)
	p.dir = other.dir
	p.damaged("are others than they were")
}

func TestAWriteThatWasCutOffIsNoDamage(t *testing.T) {
	p := newPlace(t)
	p.write("a", 20, true)
	p.write("b", 5, false)
	p.change(func(raw []byte) []byte { return raw[:len(raw)-10] })
	if f := p.good(28); !f.Torn {
		t.Errorf("found %+v, want a write that was cut off", f)
	}
}

func TestWithoutAnAnchorTheChecksumsAreLookedAt(t *testing.T) {
	p := newPlace(t)
	if found, err := anchor.Check(p.dir, p.anchor); err != nil || len(found) != 0 {
		t.Errorf("of no log: %v, error %v", found, err)
	}
	p.write("a", 20, false)
	p.good(22)
	p.change(func(raw []byte) []byte {
		raw[200] ^= 1
		return raw
	})
	p.damaged("checksum")
}

func TestAnAnchorThatIsNoneIsRefused(t *testing.T) {
	p := newPlace(t)
	for _, content := range []string{"{", `{"shards":{"0":{"seq":1,"digest":"00"}}}`, `{"shards":{"x":{}}}`} {
		if err := os.WriteFile(p.anchor, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := anchor.Open(p.anchor); err == nil {
			t.Errorf("%s: opened", content)
		}
		if _, err := anchor.Check(p.dir, p.anchor); err == nil {
			t.Errorf("%s: checked", content)
		}
	}
}

func TestAnAnchorLiesInAllItsPlaces(t *testing.T) {
	one, two := filepath.Join(t.TempDir(), "one.json"), filepath.Join(t.TempDir(), "two.json")
	a, err := anchor.Open(one, two)
	if err != nil {
		t.Fatal(err)
	}
	batch := []events.Delivery{{Event: events.Event{Position: events.Position{Seq: 1}, At: time.Unix(1, 0)}}}
	if err := a.Apply(t.Context(), 0, batch); err != nil {
		t.Fatal(err)
	}
	if err := a.Flush(); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(one)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := os.ReadFile(two); err != nil || string(first) != string(second) || !strings.Contains(string(first), `"seq":1`) {
		t.Errorf("%s and %s (error %v), want the same", first, second, err)
	}
	batch[0].Event.Position.Seq = 3
	if err := a.Apply(t.Context(), 0, batch); err == nil {
		t.Error("an anchor took a message after a gap")
	}
}
