package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/verify"
	"github.com/docsaga/docsaga/projections"
	"github.com/docsaga/docsaga/projections/sqlstore"
)

// A rawStatus is the database of a projection, read as plain tables in one
// transaction, without the code that keeps them.
type rawStatus struct {
	tx     *sql.Tx
	prefix string // of the tables that answer
	shared bool   // it is PostgreSQL
	counts bool   // the last column of what was asked for counts something
}

// readStatus returns what the database of a projection holds at one moment,
// but for the folds.
func readStatus(ctx context.Context, where string) (p verify.Projection, err error) {
	db, isolation, err := openRaw(where)
	if err != nil {
		return p, fmt.Errorf("--status: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: isolation, ReadOnly: isolation != sql.LevelDefault})
	if err != nil {
		return p, fmt.Errorf("--status: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // only read
	s := rawStatus{tx: tx, shared: isolation != sql.LevelDefault}
	if err := tx.QueryRowContext(ctx, `SELECT value FROM docsaga_settings WHERE name = 'active'`).Scan(&s.prefix); err != nil {
		return p, fmt.Errorf("--status: it holds no projections: %w", err)
	}
	p.Cursors = make(map[int]uint64)
	err = s.each(ctx, `SELECT shard, seq FROM `+s.prefix+`cursors`, func(v []string) error {
		shard, errShard := strconv.Atoi(v[0])
		seq, errSeq := strconv.ParseUint(v[1], 10, 64)
		p.Cursors[shard] = seq
		return errors.Join(errShard, errSeq)
	})
	if err == nil {
		err = s.each(ctx, `SELECT id, state, seq FROM `+s.prefix+`documents`, func(v []string) error {
			seq, err := strconv.ParseUint(v[2], 10, 64)
			p.Statuses = append(p.Statuses, verify.Status{Document: events.DocumentID(v[0]), State: v[1], Seq: seq})
			return err
		})
	}
	if err == nil {
		p.Digest, err = s.digest(ctx)
	}
	if err != nil {
		return p, fmt.Errorf("--status: %w", err)
	}
	return p, nil
}

func openRaw(where string) (*sql.DB, sql.IsolationLevel, error) {
	if strings.HasPrefix(where, "postgres") && isURL(where) {
		db, err := sql.Open("pgx", where)
		return db, sql.LevelRepeatableRead, err
	}
	path := strings.TrimPrefix(where, "sqlite:")
	if _, err := os.Stat(path); err != nil {
		return nil, 0, err
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_pragma=busy_timeout(10000)&_pragma=query_only(true)")
	return db, sql.LevelDefault, err
}

// each calls f with each row of a query, as text.
func (s *rawStatus) each(ctx context.Context, query string, f func(values []string) error) (err error) {
	rows, err := s.tx.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	s.counts = columns[len(columns)-1] == "n"
	raw, into, values := make([]sql.RawBytes, len(columns)), make([]any, len(columns)), make([]string, len(columns))
	for i := range raw {
		into[i] = &raw[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i := range raw {
			values[i] = string(raw[i])
		}
		if err := f(values); err != nil {
			return err
		}
	}
	return rows.Err()
}

// digest returns a digest of all rows of all tables that answer, in whatever
// order a database gives them.
func (s *rawStatus) digest(ctx context.Context) (string, error) {
	tables, err := s.tables(ctx)
	if err != nil {
		return "", err
	}
	all := sha256.New()
	for _, table := range tables {
		var rows [][sha256.Size]byte
		err := s.each(ctx, `SELECT * FROM `+table, func(values []string) error {
			if s.counts && values[len(values)-1] == "0" {
				return nil // a count of nothing is no row
			}
			rows = append(rows, sha256.Sum256(fmt.Appendf(nil, "%q", values)))
			return nil
		})
		if err != nil {
			return "", err
		}
		slices.SortFunc(rows, func(a, b [sha256.Size]byte) int { return slices.Compare(a[:], b[:]) })
		_, _ = fmt.Fprintln(all, strings.TrimPrefix(table, s.prefix), len(rows)) // a hash never fails
		for i := range rows {
			_, _ = all.Write(rows[i][:]) // a hash never fails
		}
	}
	return hex.EncodeToString(all.Sum(nil)), nil
}

// tables returns the names of the tables that answer.
func (s *rawStatus) tables(ctx context.Context) (names []string, err error) {
	query := `SELECT name FROM sqlite_master WHERE type = 'table'`
	if s.shared {
		query = `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()`
	}
	err = s.each(ctx, query, func(v []string) error {
		if strings.HasPrefix(v[0], s.prefix) {
			names = append(names, v[0])
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}

// foldElsewhere folds the log at a NATS URL up to the cursors of a projection
// again, in fresh processes that run where another time is told and with other
// numbers of processors.
func (a *app) foldElsewhere(ctx context.Context, natsURL string, cursors map[int]uint64, archives archiveFlags) ([]verify.Fold, error) {
	dir, err := os.MkdirTemp("", "docsaga-verify-")
	if err != nil {
		return nil, fmt.Errorf("fold again: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	folds := []verify.Fold{{By: "TZ=Asia/Kathmandu GOMAXPROCS=1"}, {By: "TZ=America/St_Johns GOMAXPROCS=5"}}
	g, inner := errgroup.WithContext(ctx)
	for i := range folds {
		g.Go(func() (err error) {
			folds[i].Digest, err = a.foldApart(inner, natsURL, filepath.Join(dir, strconv.Itoa(i)+".db"), folds[i].By, cursors, archives)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("fold again: %w", err)
	}
	return folds, nil
}

// foldApart folds in a process of its own, into a new database, and returns
// the digest of its rows.
func (a *app) foldApart(ctx context.Context, natsURL, file, environment string, cursors map[int]uint64, archives archiveFlags) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	args := []string{foldCommand, file, "--creds", a.settings.creds, "--ca", a.settings.ca, "--log-level", a.settings.logLevel}
	args = append(args, a.settings.signing.arguments()...)
	args = append(args, archives.arguments()...)
	for shard, seq := range cursors {
		args = append(args, events.Position{Shard: shard, Seq: seq}.String())
	}
	var complaint strings.Builder
	cmd := exec.CommandContext(ctx, self, args...)
	// The URL may have a password in it, which others could read in arguments.
	cmd.Env = append(append(os.Environ(), "DOCSAGA_NATS="+natsURL), strings.Fields(environment)...)
	cmd.Stderr = &complaint
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(complaint.String()))
	}
	p, err := readStatus(ctx, file)
	return p.Digest, err
}

// foldCommand is what verify starts to fold the log again.
const foldCommand = "verify-fold"

// verifyFoldCommand folds the log up to some positions into a new database; it
// is for no person.
func (a *app) verifyFoldCommand() *cobra.Command {
	var archives archiveFlags
	cmd := &cobra.Command{
		Use: foldCommand + " FILE POSITION...", Hidden: true, Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.foldUpTo(cmd.Context(), args[0], args[1:], archives)
		},
	}
	archives.add(cmd)
	return cmd
}

func (a *app) foldUpTo(ctx context.Context, file string, goals []string, archives archiveFlags) error {
	sys, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer sys.close()
	log, err := archives.view(a, sys.log)
	if err != nil {
		return err
	}
	defer archives.close()
	store, err := sqlstore.Open(ctx, file)
	if err != nil {
		return err
	}
	p := projections.New(store, sys.catalog)
	for _, text := range goals {
		goal, err := events.ParsePosition(text)
		if err == nil && goal.Seq > 0 {
			err = foldShard(ctx, log, p, goal)
		}
		if err != nil {
			return errors.Join(err, store.Close())
		}
	}
	return store.Close()
}

// foldShard folds a shard up to a position.
func foldShard(ctx context.Context, log sqlstore.Log, p *projections.Projector, goal events.Position) error {
	for batch, err := range log.Follow(ctx, events.Position{Shard: goal.Shard}) {
		if err != nil {
			return err
		}
		there := batch[len(batch)-1].Event.Position.Seq >= goal.Seq
		for len(batch) > 0 && batch[len(batch)-1].Event.Position.Seq > goal.Seq {
			batch = batch[:len(batch)-1]
		}
		if err := p.Apply(ctx, goal.Shard, batch); err != nil || there {
			return err
		}
	}
	return context.Cause(ctx)
}
