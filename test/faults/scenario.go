//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/docsaga/docsaga/events"
)

// A scenario is a fault, and the documents that meet it.
type scenario struct {
	name      string
	fates     []string      // each as likely as the others
	inTurn    bool          // they come one after another instead
	documents int           // in the long form; default 1000
	fault     string        // of every process; see faulty.go
	alone     bool          // coordinators ask for no leases
	replicas  int           // brokers that keep the log; default 1
	relaxed   bool          // the log is not synced with each write
	loses     bool          // documents must be lost, for that is what the fault shows
	reads     bool          // docsaga's server runs, and is asked
	postgres  bool          // effects are in PostgreSQL
	within    time.Duration // in which each document must end beside those that do harm
	overload  bool          // five times the documents, all at once, at docsaga's server
	invariant int           // a seeded bug: which must be breached
	// prepare readies the system's directory before anything runs; what it
	// returns undoes that. An error leaves the scenario out. It may be nil.
	prepare func(dir string) (undo func(), err error)
	// during breaks something while documents are submitted, until ctx ends,
	// and returns how often it did. It may be nil.
	during func(ctx context.Context, t *trial) int
	// bitten says, at the end, how often the fault bit. It may be nil.
	bitten func(t *trial) int
}

// A trial is a scenario under way.
type trial struct {
	*scenario
	sys     *system
	client  *client
	rng     *rand.Rand // of the fault alone
	docsaga string
	short   bool
}

// fate returns what becomes of the n-th document.
func (s *scenario) fate(rng *rand.Rand, n int) string {
	if s.inTurn {
		return s.fates[n%len(s.fates)]
	}
	return s.fates[rng.IntN(len(s.fates))]
}

// atOnce returns how many submissions are under way at most.
func (s *scenario) atOnce() int {
	if s.overload {
		return 256
	}
	return 64
}

// patience returns how long a submission is waited for: longer if a broker may
// be stopped that a connection is to, which takes its time to show.
func (s *scenario) patience() time.Duration {
	if s.replicas > 1 {
		return time.Minute
	}
	return 10 * time.Second
}

// A result is what became of a scenario.
type result struct {
	name                                      string
	invariant                                 int // which must be breached, of a seeded bug
	documents, accepted, ended, lost, doubled int
	breaches                                  int
	bites                                     int
	recovered                                 time.Duration // after the faults stopped; negative if it did not
	caught                                    map[int]int   // breaches by invariant
	first                                     string        // the first breach
	err                                       error
	skipped                                   string        // why it was left out
	loses                                     bool          // documents must be lost
	refused, harmed                           int           // submissions; documents that must complete and did not, beside such as do harm
	reads                                     int           // answers that were compared
	aside                                     time.Duration // until a document that kills its worker ended, at most
}

// patienceAtEnd is how long all documents may take to end once the fault has stopped.
const patienceAtEnd = 30 * time.Second

// run runs the scenario in a directory of its own.
func (s scenario) run(ctx context.Context, o options) (r result) {
	r = result{name: s.name, invariant: s.invariant, loses: s.loses, recovered: -1}
	dir, err := os.MkdirTemp("", "docsaga-faults-")
	if err != nil {
		r.err = err
		return r
	}
	defer func() {
		if o.keep != "" {
			_ = os.CopyFS(filepath.Join(o.keep, s.name), os.DirFS(dir)) // a help to look at it, no more
		}
		_ = os.RemoveAll(dir)
	}()
	if s.prepare != nil {
		undo, err := s.prepare(dir)
		if err != nil {
			r.skipped = err.Error()
			return r
		}
		defer undo()
	}
	sys, err := start(ctx, dir, &s, o.docsaga)
	if err != nil {
		r.err = err
		return r
	}
	defer sys.end() //nolint:contextcheck // it outlives ctx
	c, done, err := newClient(ctx, sys)
	if err != nil {
		r.err = err
		return r
	}
	defer done()
	t := &trial{scenario: &s, sys: sys, client: c, docsaga: o.docsaga, short: o.short, rng: rand.New(rand.NewPCG(o.seed, 1))} //nolint:gosec // it must repeat
	watch, stop := context.WithCancel(ctx)
	defer c.watching.Wait()
	defer stop()
	c.watch(watch)
	c.watching.Go(func() { c.mend(watch) })
	r.err = t.load(ctx, o, &r)
	if r.err == nil {
		r.err = t.judge(ctx, &r)
	}
	return r
}

// load submits documents while the fault is at work, and waits until all have
// ended.
func (t *trial) load(ctx context.Context, o options, r *result) error {
	documents, over := t.documents, 10*time.Second
	if documents == 0 {
		documents = 1000
	}
	if o.short {
		documents, over = max(60, documents/10), 4*time.Second
	}
	documents = max(1, int(float64(documents)*o.factor))
	if t.overload {
		documents, over = 5*documents, 0
	}
	during, stop := context.WithCancel(ctx)
	defer stop()
	bites, more := 0, make(chan struct{})
	go func() {
		defer close(more)
		if t.during != nil {
			bites = t.during(during, t)
		}
	}()
	submitting := more
	if t.during == nil {
		submitting = nil
	}
	enough := time.AfterFunc(over, stop)
	err := t.client.submit(ctx, rand.New(rand.NewPCG(o.seed, 2)), t.scenario, documents, over, submitting) //nolint:gosec // it must repeat
	enough.Stop()
	stop()
	<-more
	r.bites = bites
	if err != nil {
		return err
	}
	began := time.Now()
	wait := patienceAtEnd
	if o.bugs || t.loses {
		wait = 12 * time.Second // some documents will never end
	}
	for t.client.left() > 0 && time.Since(began) < wait {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
	if t.client.left() == 0 {
		r.recovered = time.Since(began)
	}
	return nil
}

// judge lets docsaga verify the log.
func (t *trial) judge(ctx context.Context, r *result) error {
	if t.bitten != nil {
		r.bites += t.bitten(t)
	}
	// An effect may be undone a moment after the end, by the loser of a slot.
	select {
	case <-ctx.Done():
	case <-time.After(2*lateBy - time.Second):
		// late documents need as long
	case <-t.settled(ctx):
	}
	submissions, reads, submitted, accepted := t.client.records()
	r.documents, r.accepted, r.aside = submitted, accepted, t.client.aside
	if r.refused = t.client.refused; t.client.unlike != nil {
		return t.client.unlike
	}
	found, err := t.sys.verify(ctx, t.docsaga, submissions, reads)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	for _, n := range found.Ended {
		r.ended += n
	}
	r.caught = make(map[int]int)
	r.reads = found.Findings[8].Checked
	if t.within > 0 { // all others are to complete
		r.harmed = t.client.count(fateOK) - found.Ended[events.Completed.String()]
	}
	for _, f := range found.Findings {
		if f.Breaches > 0 {
			r.caught[f.Invariant] = f.Breaches
			r.breaches += f.Breaches
		}
	}
	r.lost, r.doubled = r.caught[1]+r.caught[2], r.caught[4]
	if len(found.Breaches) > 0 {
		b := found.Breaches[0]
		r.first = fmt.Sprintf("%d: %s: %s", b.Invariant, b.Document, b.Detail)
	}
	return nil
}

// settled says when nobody can be at work any more: at once, unless the
// scenario has documents whose work goes on after they have ended.
func (t *trial) settled(context.Context) <-chan struct{} {
	done := make(chan struct{})
	if slices.Contains(t.fates, fateLate) {
		return done
	}
	if t.during == nil || t.invariant > 0 {
		close(done)
		return done
	}
	go func() {
		<-time.After(ackWait + time.Second) // what was held by the dead comes again
		close(done)
	}()
	return done
}
