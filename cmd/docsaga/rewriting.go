package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/docsaga/docsaga/events/audit"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/natslog/embedded"
	"github.com/docsaga/docsaga/events/removed"
)

// rewrite takes what the log's lists name out of its shards, and returns what
// they held before and after, in all.
func (r *removal) rewrite(ctx context.Context, state *removalState) (before, after natslog.ShardState, err error) {
	rewriter, err := natslog.NewRewriter(r.nc, state.Config)
	if err != nil {
		return before, after, err
	}
	all := make([]shardRewriting, state.Config.Shards)
	for i := range all { // first, for the lists lie in one of them
		all[i] = shardRewriting{r: r, rewriter: rewriter, shard: i, queues: state.Queues}
		if err := all[i].putBackMissing(ctx); err != nil {
			return before, after, err
		}
	}
	if err := r.isNamed(ctx, rewriter, state.Note); err != nil {
		return before, after, err
	}
	for i := range all {
		was, is, err := all[i].run(ctx)
		if err != nil {
			return before, after, err
		}
		add(&before, was)
		add(&after, is)
	}
	return before, after, nil
}

// isNamed returns an error if the log does not name the list, so that every
// reader would take for damage what is removed.
func (r *removal) isNamed(ctx context.Context, rewriter *natslog.Rewriter, note removed.Note) error {
	notes, err := rewriter.Log(removed.Set{}).RemovalNotes(ctx)
	if err == nil && !slices.Contains(notes, note) {
		err = errors.New("the log does not name the list of what is to be removed")
	}
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return nil
}

func add(sum *natslog.ShardState, s natslog.ShardState) {
	sum.Messages += s.Messages
	sum.Bytes += s.Bytes
	sum.Subjects += s.Subjects
}

// A shardRewriting takes messages out of one shard.
type shardRewriting struct {
	r        *removal
	rewriter *natslog.Rewriter
	shard    int
	queues   map[string]natslog.Queue
	list     []removed.Message
	set      removed.Set
}

// saved is what is kept beside the snapshot of a shard.
type saved struct {
	Meta    json.RawMessage `json:"meta"`
	Removed int             `json:"removed"` // messages that it is without, in all
}

func (s *shardRewriting) file(name string) string {
	return s.r.work("shard-" + strconv.Itoa(s.shard) + "." + name)
}

// putBackMissing puts back a shard that was removed before a crash.
func (s *shardRewriting) putBackMissing(ctx context.Context) error {
	state, err := s.rewriter.State(ctx, s.shard)
	if err != nil || !state.Missing {
		return err
	}
	return s.putBack(ctx)
}

func (s *shardRewriting) run(ctx context.Context) (before, after natslog.ShardState, err error) {
	if s.list, err = s.rewriter.Log(removed.Set{}).Removed(ctx, s.shard); err != nil {
		return before, after, err
	}
	for _, m := range s.list {
		s.set.Add(s.shard, m.Seq)
	}
	if before, err = s.rewriter.State(ctx, s.shard); err != nil {
		return before, after, err
	}
	switch {
	case before.Removed == len(s.list) && !before.Closed:
	case before.Removed == len(s.list):
		err = s.rewriter.Reopen(ctx, s.shard)
	default:
		err = s.rewrite(ctx, before)
	}
	if err == nil {
		err = s.resumeQueues(ctx)
	}
	if err == nil {
		after, err = s.rewriter.State(ctx, s.shard)
	}
	if err != nil {
		return before, after, err
	}
	return before, after, s.tidy()
}

// tidy removes the files of a shard that is done.
func (s *shardRewriting) tidy() error {
	var errs []error
	for _, name := range []string{"before", "before.json", "after", "after.json"} {
		if err := os.Remove(s.file(name)); !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// rewrite closes the shard, saves it, and replaces it by one without what is
// listed. Until that one lies on the disk and is known to be right, nothing is
// removed.
func (s *shardRewriting) rewrite(ctx context.Context, before natslog.ShardState) error {
	if err := s.rewriter.Close(ctx, s.shard); err != nil {
		return err
	}
	if err := s.stage("closed"); err != nil {
		return err
	}
	closed, err := s.rewriter.State(ctx, s.shard)
	if err != nil {
		return err
	}
	err = s.save("before", before.Removed, func(w io.Writer) (json.RawMessage, error) { return s.rewriter.Save(ctx, s.shard, w) })
	if err != nil {
		return err
	}
	if err := s.stage("saved"); err != nil {
		return err
	}
	if err := s.thin(ctx, closed); err != nil {
		return err
	}
	if err := s.stage("thinned"); err != nil {
		return err
	}
	if err := s.rewriter.Remove(ctx, s.shard); err != nil {
		return err
	}
	if err := s.stage("removed"); err != nil {
		return err
	}
	return s.putBack(ctx)
}

func (s *shardRewriting) stage(name string) error {
	return s.r.stage("shard " + strconv.Itoa(s.shard) + " " + name)
}

// thin makes a snapshot of the shard without what is listed, by a server of its
// own, and compares it with the shard as it is.
func (s *shardRewriting) thin(ctx context.Context, was natslog.ShardState) (err error) {
	root, err := audit.Root(ctx, listed{s.rewriter.Log(s.set), s.list}, s.shard, was.Last)
	if err != nil {
		return err
	}
	dir := s.r.work("server")
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	server, err := embedded.Start(embedded.Config{Dir: dir, Durability: natslog.Relaxed, Logger: s.r.app.settings.logger})
	if err != nil {
		return fmt.Errorf("archive: start NATS: %w", err)
	}
	defer func() {
		server.Stop()
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	nc, err := server.Connect()
	if err != nil {
		return fmt.Errorf("archive: start NATS: %w", err)
	}
	defer nc.Close()
	thinning, err := s.bring(ctx, nc)
	if err != nil {
		return err
	}
	if err := thinning.Delete(ctx, s.list); err != nil {
		return err
	}
	now, err := thinning.State(ctx)
	if err != nil {
		return err
	}
	gone := uint64(len(s.list) - was.Removed) //nolint:gosec // what was removed is listed
	if now.Last != was.Last || now.Messages+gone != was.Messages {
		return fmt.Errorf("archive: shard %d has %d messages up to %d, and without %d it has %d up to %d", s.shard, was.Messages, was.Last, gone, now.Messages, now.Last)
	}
	thinned, err := audit.Root(ctx, listed{thinning.Log(s.set), s.list}, s.shard, was.Last)
	if err != nil {
		return err
	}
	if thinned != root {
		return fmt.Errorf("archive: shard %d without what is archived does not hold what it held: root %v, not %v", s.shard, thinned, root)
	}
	return s.save("after", len(s.list), func(w io.Writer) (json.RawMessage, error) { return thinning.Save(ctx, w) })
}

// bring brings the saved shard to another server.
func (s *shardRewriting) bring(ctx context.Context, to *nats.Conn) (t *natslog.Thinning, err error) {
	err = s.open("before", func(kept saved, r io.Reader) error {
		t, err = s.rewriter.Thin(ctx, to, s.shard, kept.Meta, r)
		return err
	})
	return t, err
}

// putBack makes the shard from what was thinned, and its queues.
func (s *shardRewriting) putBack(ctx context.Context) error {
	err := s.open("after", func(kept saved, r io.Reader) error {
		return s.rewriter.PutBack(ctx, s.shard, kept.Removed, kept.Meta, r)
	})
	if err != nil {
		return err
	}
	if err := s.stage("put back"); err != nil {
		return err
	}
	return s.resumeQueues(ctx)
}

// resumeQueues makes the queues' consumers that went with the shard.
func (s *shardRewriting) resumeQueues(ctx context.Context) error {
	for name, q := range s.queues {
		if s.shard >= len(q.Floors) {
			continue
		}
		if err := s.rewriter.ResumeQueue(ctx, name, s.shard, q.Floors[s.shard], q.Filters); err != nil {
			return err
		}
	}
	return nil
}

// save writes a snapshot of the shard and what belongs to it; the latter last,
// so that whoever finds it finds both.
func (s *shardRewriting) save(name string, without int, write func(io.Writer) (json.RawMessage, error)) error {
	kept := saved{Removed: without}
	err := writeSynced(s.file(name), func(w io.Writer) (err error) {
		kept.Meta, err = write(w)
		return err
	})
	if err == nil {
		err = writeSynced(s.file(name+".json"), func(w io.Writer) error { return json.NewEncoder(w).Encode(kept) })
	}
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return nil
}

func (s *shardRewriting) open(name string, use func(saved, io.Reader) error) error {
	var kept saved
	raw, err := os.ReadFile(s.file(name + ".json"))
	if err == nil {
		err = json.Unmarshal(raw, &kept)
	}
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	file, err := os.Open(s.file(name))
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return errors.Join(use(kept, file), file.Close())
}

// A listed log takes the hashes of what is removed from a list.
type listed struct {
	*natslog.Log
	list []removed.Message
}

// Removed returns the list, which is of the shard that is asked for.
func (l listed) Removed(context.Context, int) ([]removed.Message, error) { return l.list, nil }

// weigh says how much a removal would take out of the log.
func (a *app) weigh(ctx context.Context, log *natslog.Log, before time.Time) error {
	var w weight
	for id, err := range oldDocuments(ctx, log, before) {
		if err != nil {
			return fmt.Errorf("archive: %w", err)
		}
		list, err := log.Messages(ctx, id)
		if err != nil {
			return fmt.Errorf("archive: %w", err)
		}
		w.Documents++
		for i := range list {
			if d := &list[i]; !d.Event.Slot.Kind.OfDocument() {
				w.Events++
				w.Bytes += len(d.Subject) + len(d.Header) + len(d.Data)
			}
		}
	}
	return printOne(a, w, func(w weight) error {
		_, err := fmt.Fprintf(a.out, "documents  %d\nevents     %d\nbytes      %d\n", w.Documents, w.Events, w.Bytes)
		return err
	})
}

// A weight is what would be taken out of the log.
type weight struct {
	Documents int `json:"documents"`
	Events    int `json:"events"`
	Bytes     int `json:"bytes"`
}

// writeSynced writes a file that is whole and on the disk once it has its name.
func writeSynced(path string, write func(io.Writer) error) error {
	part := path + ".part"
	f, err := os.Create(part)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
