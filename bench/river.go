package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/docsaga/docsaga/bench/peer"
)

// riverPeer runs a step as a job that inserts the job of the next step. Either
// a job does so and completes itself in one transaction, so that a step is
// followed once (https://riverqueue.com/docs/transactional-job-completion), or
// River completes jobs in batches a little later, which costs less, and a crash
// in between follows a step twice.
type riverPeer struct {
	client  *river.Client[pgx.Tx]
	pool    *pgxpool.Pool
	batched bool
	done    sync.Map // document -> chan struct{}

	unsubscribe func()
	followed    chan struct{} // closed when nobody reads River's events any more
}

// step is the job.
type step struct {
	Document string `json:"document"`
	Step     int    `json:"step"`
}

func (step) Kind() string { return "step" }

type worker struct {
	river.WorkerDefaults[step]
	p *riverPeer
}

func (w *worker) Work(ctx context.Context, job *river.Job[step]) error {
	next := step{Document: job.Args.Document, Step: job.Args.Step + 1}
	if w.p.batched {
		if next.Step > peer.Steps {
			return nil
		}
		_, err := w.p.client.Insert(ctx, next, nil)
		return err
	}
	tx, err := w.p.pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx) //nolint:errcheck // after a commit there is nothing to roll back
	if next.Step <= peer.Steps {
		if _, err := w.p.client.InsertTx(ctx, tx, next, nil); err != nil {
			return err
		}
	}
	if _, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	w.p.completed(job.Args)
	return nil
}

// completed tells whoever waits for the document that its last step is on record.
func (p *riverPeer) completed(s step) {
	if s.Step != peer.Steps {
		return
	}
	if done, ok := p.done.LoadAndDelete(s.Document); ok {
		close(done.(chan struct{}))
	}
}

func startRiver(ctx context.Context, site *peer.Site, open int) (peer.Engine, error) {
	return startRiverAs(ctx, site, open, false)
}

func startRiverBatched(ctx context.Context, site *peer.Site, open int) (peer.Engine, error) {
	return startRiverAs(ctx, site, open, true)
}

func startRiverAs(ctx context.Context, site *peer.Site, open int, batched bool) (peer.Engine, error) {
	pool, err := connect(ctx, site, "river")
	if err != nil {
		return nil, err
	}
	p := &riverPeer{pool: pool, batched: batched, unsubscribe: func() {}, followed: make(chan struct{})}
	if err := p.start(ctx, open); err != nil {
		pool.Close()
		return nil, fmt.Errorf("river: %w", err)
	}
	return p, nil
}

// start starts the client as River's own benchmark does
// (https://riverqueue.com/docs/benchmarks), which sets 2,000 workers, a fetch
// each 2 ms at most, and a poll each 20 ms beside the notifications.
func (p *riverPeer) start(ctx context.Context, open int) error {
	driver, logger := riverpgxv5.New(p.pool), slog.New(slog.DiscardHandler)
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: logger})
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &worker{p: p})
	p.client, err = river.NewClient(driver, &river.Config{
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: max(2000, open)}}, Workers: workers,
		FetchCooldown: 2 * time.Millisecond, FetchPollInterval: 20 * time.Millisecond, Logger: logger,
	})
	if err != nil {
		return err
	}
	if !p.batched {
		close(p.followed)
		return p.client.Start(ctx)
	}
	events, unsubscribe := p.client.SubscribeConfig(&river.SubscribeConfig{
		ChanSize: 10 * max(1000, open), Kinds: []river.EventKind{river.EventKindJobCompleted},
	})
	p.unsubscribe = unsubscribe
	go p.follow(events)
	return p.client.Start(ctx)
}

// follow reads which jobs are completed until the subscription ends.
func (p *riverPeer) follow(events <-chan *river.Event) {
	defer close(p.followed)
	for e := range events {
		var s step
		if json.Unmarshal(e.Job.EncodedArgs, &s) == nil { // else it is no job of ours
			p.completed(s)
		}
	}
}

// Run inserts the first job, and waits until the last one is completed.
func (p *riverPeer) Run(ctx context.Context, document string) error {
	done := make(chan struct{})
	p.done.Store(document, done)
	if _, err := p.client.Insert(ctx, step{Document: document, Step: 1}, nil); err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Recorded counts the completed jobs. That the last one is among them says that
// the document is through.
func (p *riverPeer) Recorded(ctx context.Context, document string) (steps int, err error) {
	err = p.pool.QueryRow(ctx, `SELECT count(DISTINCT args->>'step') FROM river_job
		WHERE args->>'document' = $1 AND state = 'completed'`, document).Scan(&steps)
	return steps, err
}

func (p *riverPeer) Stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = p.client.Stop(ctx) // what is left is dropped with the database
	p.unsubscribe()
	<-p.followed
	p.pool.Close()
}
