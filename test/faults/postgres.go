//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// postgresVariable names the PostgreSQL server whose databases may be written.
const postgresVariable = "DOCSAGA_TEST_POSTGRES"

var errNoPostgres = errors.New("effects in PostgreSQL: set " + postgresVariable + " to the URL that deploy/test/postgres.sh start prints")

// A database is a schema of its own in PostgreSQL, behind a proxy.
type database struct {
	direct  string // past the proxy
	through string
	proxy   *proxy
}

// databaseFile holds where the workers of a system reach PostgreSQL.
func databaseFile(dir string) string { return filepath.Join(dir, "postgres.url") }

// openDatabase makes a schema, and tells the workers of it.
func openDatabase(ctx context.Context, dir string) (*database, error) {
	given := os.Getenv(postgresVariable)
	if given == "" {
		return nil, errNoPostgres
	}
	u, err := url.Parse(given)
	if err != nil {
		return nil, err
	}
	schema := "faults_" + strings.ToLower(rand.Text()[:12])
	if err := statement(ctx, given, `CREATE SCHEMA `+schema); err != nil {
		return nil, fmt.Errorf("PostgreSQL: %w", err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	d := &database{direct: u.String()}
	if d.proxy, err = newProxy(u.Host); err != nil {
		return nil, err
	}
	u.Host = d.proxy.addr()
	d.through = u.String()
	return d, os.WriteFile(databaseFile(dir), []byte(d.through), 0o600)
}

// Close drops the schema.
func (d *database) Close() error {
	u, err := url.Parse(d.direct)
	if err != nil {
		return err
	}
	return errors.Join(d.proxy.Close(), statement(context.Background(), d.direct, `DROP SCHEMA `+u.Query().Get("search_path")+` CASCADE`))
}

func statement(ctx context.Context, where, text string) error {
	db, err := sql.Open("pgx", where)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, text)
	return errors.Join(err, db.Close())
}

// needsPostgres leaves a scenario out if there is no PostgreSQL.
func needsPostgres(string) (func(), error) {
	if os.Getenv(postgresVariable) == "" {
		return nil, errNoPostgres
	}
	return func() {}, nil
}

// databaseDown ends all connections to PostgreSQL, and takes no new ones, for
// a minute, or ten seconds in the short form.
func databaseDown(ctx context.Context, t *trial) int {
	if !wait(ctx, time.Second) {
		return 0
	}
	t.sys.database.proxy.down(true)
	over := time.Minute
	if t.short {
		over = 10 * time.Second
	}
	wait(context.WithoutCancel(ctx), over)
	t.sys.database.proxy.down(false)
	return 1
}

// databaseFlaps ends all connections to PostgreSQL now and then, in the middle
// of whatever they are at: a commit too, of which nobody then knows whether it
// was done.
func databaseFlaps(ctx context.Context, t *trial) int {
	n := 0
	for wait(ctx, 100*time.Millisecond+time.Duration(t.rng.Int64N(int64(300*time.Millisecond)))) {
		t.sys.database.proxy.down(true)
		n++
		wait(context.WithoutCancel(ctx), 50*time.Millisecond)
		t.sys.database.proxy.down(false)
	}
	return n
}
