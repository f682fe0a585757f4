package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/dbos-inc/dbos-transact-golang/dbos"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/docsaga/docsaga/bench/peer"
)

// connections is how wide the peers' pools are: twenty a core, enough that
// commits are flushed together and not so many that backends crowd each other.
const connections = 40

// dbosPeer runs a document as a workflow of five steps in this process, each
// recorded in PostgreSQL (https://docs.dbos.dev/golang/programming-guide).
type dbosPeer struct {
	ctx  dbos.Context
	pool *pgxpool.Pool
}

func startDBOS(ctx context.Context, site *peer.Site, _ int) (peer.Engine, error) {
	pool, err := connect(ctx, site, "dbos")
	if err != nil {
		return nil, err
	}
	dctx, err := dbos.NewContext(ctx, dbos.Config{AppName: "bench", SystemDBPool: pool, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("dbos: %w", err)
	}
	dbos.RegisterWorkflow(dctx, fiveSteps)
	p := &dbosPeer{ctx: dctx, pool: pool}
	if err := dbos.Launch(dctx); err != nil {
		p.Stop()
		return nil, fmt.Errorf("dbos: launch: %w", err)
	}
	return p, nil
}

func fiveSteps(ctx dbos.Context, document string) (string, error) {
	for range peer.Steps {
		if _, err := dbos.RunAsStep(ctx, func(context.Context) (string, error) { return "", nil }); err != nil {
			return "", err
		}
	}
	return document, nil
}

// Run starts the workflow here, which spares it the way through a queue.
func (p *dbosPeer) Run(_ context.Context, document string) error {
	h, err := dbos.RunWorkflow(p.ctx, fiveSteps, document, dbos.WithWorkflowID(document))
	if err != nil {
		return err
	}
	_, err = h.GetResult()
	return err
}

func (p *dbosPeer) Recorded(ctx context.Context, document string) (steps int, err error) {
	var status string
	if err := p.pool.QueryRow(ctx, `SELECT status FROM dbos.workflow_status WHERE workflow_uuid = $1`, document).Scan(&status); err != nil {
		return 0, err
	}
	if status != "SUCCESS" {
		return 0, fmt.Errorf("dbos: %s is %s", document, status)
	}
	err = p.pool.QueryRow(ctx, `SELECT count(*) FROM dbos.operation_outputs WHERE workflow_uuid = $1 AND error IS NULL`, document).Scan(&steps)
	return steps, err
}

func (p *dbosPeer) Stop() {
	_ = dbos.Shutdown(p.ctx, 5*time.Second)
	p.pool.Close()
}

// connect returns a pool on a new database.
func connect(ctx context.Context, site *peer.Site, purpose string) (*pgxpool.Pool, error) {
	url, err := site.Create(ctx, purpose)
	if err != nil {
		return nil, err
	}
	conf, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	conf.MaxConns = connections
	return pgxpool.NewWithConfig(ctx, conf)
}
