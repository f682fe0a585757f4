package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/dbos-inc/dbos-transact-golang/dbos"
	"github.com/jackc/pgx/v5/pgxpool"
)

// dbosPeer runs a document as a workflow of five steps in this process, each
// recorded in PostgreSQL (https://docs.dbos.dev/golang/programming-guide).
type dbosPeer struct {
	ctx  dbos.Context
	pool *pgxpool.Pool
}

func startDBOS(ctx context.Context, url string, _ int) (peer, error) {
	conf, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	conf.MaxConns = 40
	pool, err := pgxpool.NewWithConfig(ctx, conf)
	if err != nil {
		return nil, err
	}
	dctx, err := dbos.NewContext(ctx, dbos.Config{AppName: "bench", SystemDBPool: pool, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	dbos.RegisterWorkflow(dctx, fiveSteps)
	return &dbosPeer{ctx: dctx, pool: pool}, dbos.Launch(dctx)
}

func fiveSteps(ctx dbos.Context, document string) (string, error) {
	for range steps {
		if _, err := dbos.RunAsStep(ctx, func(context.Context) (string, error) { return "", nil }); err != nil {
			return "", err
		}
	}
	return document, nil
}

func (p *dbosPeer) run(_ context.Context, document string) error {
	h, err := dbos.RunWorkflow(p.ctx, fiveSteps, document, dbos.WithWorkflowID(document))
	if err != nil {
		return err
	}
	_, err = h.GetResult()
	return err
}

func (p *dbosPeer) stop() {
	_ = dbos.Shutdown(p.ctx, 5*time.Second)
	p.pool.Close()
}
