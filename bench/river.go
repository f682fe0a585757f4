package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// riverPeer runs a step as a job, which inserts the job of the next step and
// completes itself in one transaction
// (https://riverqueue.com/docs/transactional-job-completion).
type riverPeer struct {
	client *river.Client[pgx.Tx]
	pool   *pgxpool.Pool
	done   sync.Map // document -> chan struct{}
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
	tx, err := w.p.pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx) //nolint:errcheck // after a commit there is nothing to roll back
	if job.Args.Step < steps {
		if _, err := w.p.client.InsertTx(ctx, tx, step{Document: job.Args.Document, Step: job.Args.Step + 1}, nil); err != nil {
			return err
		}
	}
	if _, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	if job.Args.Step == steps {
		if done, ok := w.p.done.LoadAndDelete(job.Args.Document); ok {
			close(done.(chan struct{}))
		}
	}
	return nil
}

func startRiver(ctx context.Context, url string, open int) (peer, error) {
	conf, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	conf.MaxConns = 40
	pool, err := pgxpool.NewWithConfig(ctx, conf)
	if err != nil {
		return nil, err
	}
	driver := riverpgxv5.New(pool)
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, err
	}
	p := &riverPeer{pool: pool}
	workers := river.NewWorkers()
	river.AddWorker(workers, &worker{p: p})
	p.client, err = river.NewClient(driver, &river.Config{
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: max(100, open)}}, Workers: workers,
		FetchCooldown: 2 * time.Millisecond, FetchPollInterval: 50 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	return p, p.client.Start(ctx)
}

func (p *riverPeer) run(ctx context.Context, document string) error {
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

func (p *riverPeer) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = p.client.Stop(ctx)
	p.pool.Close()
}
