package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/admin"
	"github.com/docsaga/docsaga/events/anchor"
	"github.com/docsaga/docsaga/events/audit"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/natslog/embedded"
	"github.com/docsaga/docsaga/events/removed"
)

// A removal takes documents out of the log after it has archived them. What it
// has done lies in a directory beside the archive, until it is done:
//
//	archive.zip, list     what is to be archived, and removed
//	state.json            that is settled; see removalState. Then the archive gets
//	                      its name, and the log names the list
//	shard-N.before/after  a shard that is being rewritten; see shardRewriting
type removal struct {
	app    *app
	path   string
	ev     audit.Evidence
	before time.Time
	remote bool

	nc     *nats.Conn
	broker *embedded.Server // nil if the server is another process

	// reached is called after each stage; its error stops everything as a crash
	// would. It is for tests, and nil otherwise.
	reached func(stage string) error
}

// removalState is what must be known to go on after a crash.
type removalState struct {
	Config natslog.Config           `json:"config"`
	Note   removed.Note             `json:"note"`
	Queues map[string]natslog.Queue `json:"queues"`
}

func (r *removal) work(names ...string) string {
	return filepath.Join(append([]string{r.path + ".removing"}, names...)...)
}

func (r *removal) stage(name string) error {
	if r.reached == nil {
		return nil
	}
	return r.reached(name)
}

func (r *removal) run(ctx context.Context) (err error) {
	state, begun, err := r.load()
	if err != nil {
		return err
	}
	if err := r.connect(begun); err != nil {
		return err
	}
	defer func() {
		r.nc.Close()
		if r.broker != nil {
			r.broker.Stop()
		}
	}()
	if begun {
		r.app.say("going on with what was interrupted")
	} else if state, err = r.settle(ctx); err != nil || state == nil {
		return err
	}
	if err := r.place(); err != nil {
		return err
	}
	if err := r.name(ctx, state.Note); err != nil {
		return err
	}
	before, after, err := r.rewrite(ctx, state)
	if err != nil {
		return err
	}
	if err := r.finish(ctx); err != nil {
		return err
	}
	r.app.say("%d documents in %s; %d events of their steps are not in the log any more", state.Note.Documents, r.path, state.Note.Messages)
	r.app.say("the log has %d messages of %d bytes; it had %d of %d", after.Messages, after.Bytes, before.Messages, before.Bytes)
	return nil
}

// load reads what is to be done from a run that was interrupted.
func (r *removal) load() (*removalState, bool, error) {
	raw, err := os.ReadFile(r.work("state.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, false, nil
	}
	var state removalState
	if err == nil {
		err = json.Unmarshal(raw, &state)
	}
	if err != nil {
		return nil, false, fmt.Errorf("archive: %s: %w", r.work("state.json"), err)
	}
	return &state, true, nil
}

// connect connects to the server of --nats, or starts one on --data.
func (r *removal) connect(begun bool) (err error) {
	set := r.app.settings
	if r.remote {
		r.nc, err = natslog.Connect(set.nats, natslog.ConnectOptions{Name: "docsaga archive", CredentialsFile: set.creds, CAFile: set.ca, Logger: set.logger})
		if err != nil {
			return fmt.Errorf("connect to %s: %w", redacted(set.nats), err)
		}
		return nil
	}
	dir := orElse(set.data, defaultData)
	conf := embedded.Config{Dir: filepath.Join(dir, "nats"), Durability: natslog.Durability(set.durability), Logger: set.logger}
	if _, err := os.Stat(conf.Dir); err != nil {
		return fmt.Errorf("archive: there is no log in --data: %w", err)
	}
	if !begun { // else the anchor is of what was, until all is done
		conf.Before = func(nats string) error {
			_, err := anchor.Check(nats, anchorFile(dir))
			return err
		}
	}
	if r.broker, err = embedded.Start(conf); err != nil {
		if errors.Is(err, embedded.ErrInUse) {
			return coded{code: exitConflict, err: fmt.Errorf("archive: %s: a server runs there; stop it: %w", dir, err)}
		}
		return fmt.Errorf("archive: start NATS: %w", err)
	}
	if r.nc, err = r.broker.Connect(); err != nil {
		r.broker.Stop()
		return fmt.Errorf("archive: start NATS: %w", err)
	}
	return nil
}

// settle archives the documents, and lets the log name what is to be removed.
// It returns nil if that is nothing.
func (r *removal) settle(ctx context.Context) (*removalState, error) {
	if _, err := os.Stat(r.path); err == nil {
		return nil, fmt.Errorf("archive: %s: %w", r.path, os.ErrExist)
	}
	opts, err := r.app.logOptions()
	if err != nil {
		return nil, err
	}
	log, err := natslog.Open(ctx, r.nc, opts)
	if err != nil {
		return nil, fmt.Errorf("open the saga log: %w", err)
	}
	if err := r.alone(ctx, log.Config()); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(r.work()); err != nil { // of a run that has settled nothing
		return nil, fmt.Errorf("archive: %w", err)
	}
	if err := os.MkdirAll(r.work(), 0o700); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	state := &removalState{Config: log.Config()}
	if state.Note, err = r.list(ctx, log); err != nil {
		return nil, err
	}
	if state.Note.Messages == 0 {
		r.app.say("no document ended that long ago, or all are archived: nothing was done")
		return nil, os.RemoveAll(r.work())
	}
	if err := r.stage("listed"); err != nil {
		return nil, err
	}
	if err := r.put(ctx, log, &state.Note); err != nil {
		return nil, err
	}
	if state.Queues, err = log.Queues(ctx); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(state)
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	err = writeSynced(r.work("state.json"), func(w io.Writer) error { _, err := w.Write(raw); return err })
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	return state, r.stage("settled")
}

// alone returns an error if somebody else works with the log.
func (r *removal) alone(ctx context.Context, conf natslog.Config) error {
	rewriter, err := natslog.NewRewriter(r.nc, conf)
	if err != nil {
		return err
	}
	busy, err := rewriter.Busy(ctx)
	if err != nil {
		return err
	}
	if len(busy) > 0 {
		return coded{code: exitConflict, err: fmt.Errorf("archive: stop the services, coordinators and servers of this log first; these consumers are in use: %s", strings.Join(busy, ", "))}
	}
	return nil
}

// list writes the archive and the list of what is to be removed.
func (r *removal) list(ctx context.Context, log *natslog.Log) (note removed.Note, err error) {
	lasts := make([]uint64, log.Shards())
	for shard := range lasts {
		if lasts[shard], err = log.Last(ctx, shard); err != nil {
			return note, err
		}
	}
	file, err := os.OpenFile(r.work("list"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return note, fmt.Errorf("archive: %w", err)
	}
	w, err := removed.NewWriter(file)
	if err == nil {
		_, err = writeArchive(ctx, log, r.work("archive.zip"), r.ev, r.before, func(x *audit.Export) error {
			d := stepsOf(x, lasts)
			if len(d.Messages) == 0 {
				return nil
			}
			note.Documents++
			note.Messages += len(d.Messages)
			return w.Add(d)
		})
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return note, err
	}
	return note, nil
}

// stepsOf returns what is removed of an archived document: all that is not of
// the document itself. The last message of a shard stays in any case, so that
// the shard never ends before its anchor.
func stepsOf(x *audit.Export, lasts []uint64) removed.Document {
	d := removed.Document{Document: x.Document}
	leaves := x.Leaves()
	for i := range x.Events {
		e := &x.Events[i]
		d.Shard = e.Position.Shard
		slot, err := events.ParseSubject(e.Subject)
		if err == nil && !slot.Kind.OfDocument() && e.Position.Seq != lasts[d.Shard] {
			d.Messages = append(d.Messages, removed.Message{Seq: e.Position.Seq, Leaf: leaves[i][:]})
		}
	}
	return d
}

// put puts the list into the file store.
func (r *removal) put(ctx context.Context, log *natslog.Log, note *removed.Note) (err error) {
	if note.Archive, err = fileRef(r.work("archive.zip")); err != nil {
		return err
	}
	file, err := os.Open(r.work("list"))
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	note.List, err = log.Files().Put(ctx, events.DocumentAdmin, admin.Archive, removed.MediaType, file)
	return err
}

// name lets an event of the log name the list. That is done before the first
// shard is closed; while one is, it was.
func (r *removal) name(ctx context.Context, note removed.Note) error {
	opts, err := r.app.logOptions()
	if err != nil {
		return err
	}
	log, err := natslog.Open(ctx, r.nc, opts)
	if errors.Is(err, natslog.ErrDrift) || errors.Is(err, natslog.ErrNotProvisioned) {
		return nil
	}
	if err == nil {
		_, _, err = admin.Record(ctx, log, admin.Change{What: admin.Archive, State: note, By: r.app.who.by()})
	}
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return r.stage("named")
}

// fileRef returns the digest of a file as events name it.
func fileRef(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("archive: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", fmt.Errorf("archive: %w", err)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}

// place puts the archive where it is to be, before anything is removed.
func (r *removal) place() error {
	err := os.Rename(r.work("archive.zip"), r.path)
	if errors.Is(err, os.ErrNotExist) {
		_, err = os.Stat(r.path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(r.path))
	}
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return r.stage("archived")
}

// finish checks that the log is one again, brings its anchor up to it, and
// removes what was needed to get there.
func (r *removal) finish(ctx context.Context) error {
	opts, err := r.app.logOptions()
	if err != nil {
		return err
	}
	log, err := natslog.Open(ctx, r.nc, opts)
	if err != nil {
		return fmt.Errorf("open the saga log: %w", err)
	}
	if r.broker != nil {
		if err := remakeAnchor(ctx, log, anchorFile(orElse(r.app.settings.data, defaultData))); err != nil {
			return err
		}
	}
	if err := r.stage("anchored"); err != nil {
		return err
	}
	if err := os.RemoveAll(r.work()); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return nil
}

// remakeAnchor makes an anchor of the log as it is, in place of one that is
// there.
func remakeAnchor(ctx context.Context, log *natslog.Log, path string) error {
	fresh := path + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	a, err := anchor.Open(fresh)
	if err != nil {
		return err
	}
	for shard := range log.Shards() {
		if err := followTo(ctx, log, shard, a.Apply); err != nil {
			return err
		}
	}
	if err := a.Flush(); err != nil {
		return err
	}
	if err := os.Rename(fresh, path); err != nil && !errors.Is(err, os.ErrNotExist) { // it is empty: there is no file
		return fmt.Errorf("archive: %w", err)
	}
	return nil
}

// followTo feeds all that a shard holds now.
func followTo(ctx context.Context, log *natslog.Log, shard int, apply func(context.Context, int, []events.Delivery) error) error {
	last, err := log.Last(ctx, shard)
	if err != nil || last == 0 {
		return err
	}
	for batch, err := range log.Follow(ctx, events.Position{Shard: shard}) {
		if err != nil {
			return err
		}
		if err := apply(ctx, shard, batch); err != nil {
			return err
		}
		if batch[len(batch)-1].Event.Position.Seq >= last {
			return nil
		}
	}
	return context.Cause(ctx)
}
