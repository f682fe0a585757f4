package peer

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrNotDurable reports a PostgreSQL server that does not write to disk, which
// makes whatever is measured on it worthless.
var ErrNotDurable = errors.New("PostgreSQL runs with fsync off")

// A Site is a PostgreSQL server with databases that are made for one engine
// and dropped after it, so that none finds the tables of another.
type Site struct {
	server  string // URL of a database that is there
	relaxed bool
	made    []string
}

// OpenSite returns a site on the server of the URL. Relaxed databases let
// commits return before they are on disk.
func OpenSite(server string, relaxed bool) *Site {
	return &Site{server: server, relaxed: relaxed}
}

// Durable fails with [ErrNotDurable] unless the server flushes to disk.
func (s *Site) Durable(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.server)
	if err != nil {
		return fmt.Errorf("peer: connect: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing is under way
	var fsync string
	if err := conn.QueryRow(ctx, "SHOW fsync").Scan(&fsync); err != nil {
		return fmt.Errorf("peer: show fsync: %w", err)
	}
	if fsync != "on" {
		return fmt.Errorf("peer: %w", ErrNotDurable)
	}
	return nil
}

// Create makes an empty database and returns its URL.
func (s *Site) Create(ctx context.Context, purpose string) (string, error) {
	name := fmt.Sprintf("bench_%s_%d_%d", purpose, os.Getpid(), time.Now().UnixNano())
	commit := "on"
	if s.relaxed {
		commit = "off"
	}
	if err := s.exec(ctx, "CREATE DATABASE "+name, "ALTER DATABASE "+name+" SET synchronous_commit = "+commit); err != nil {
		return "", err
	}
	s.made = append(s.made, name)
	u, err := url.Parse(s.server)
	if err != nil {
		return "", fmt.Errorf("peer: URL of the server: %w", err)
	}
	u.Path = "/" + name
	return u.String(), nil
}

// Close drops the databases, whoever is still connected.
func (s *Site) Close(ctx context.Context) error {
	var drops []string
	for _, name := range s.made {
		drops = append(drops, "DROP DATABASE "+name+" WITH (FORCE)")
	}
	s.made = nil
	return s.exec(ctx, drops...)
}

func (s *Site) exec(ctx context.Context, queries ...string) error {
	conn, err := pgx.Connect(ctx, s.server)
	if err != nil {
		return fmt.Errorf("peer: connect: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing is under way
	for _, query := range queries {
		if _, err := conn.Exec(ctx, query); err != nil {
			return fmt.Errorf("peer: %s: %w", strings.ToLower(query), err)
		}
	}
	return nil
}

// postmaster returns the process id of the server.
func (s *Site) postmaster(ctx context.Context) (int, error) {
	conn, err := pgx.Connect(ctx, s.server)
	if err != nil {
		return 0, fmt.Errorf("peer: connect: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing is under way
	var backend int
	if err := conn.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&backend); err != nil {
		return 0, fmt.Errorf("peer: pg_backend_pid: %w", err)
	}
	stat, err := readStat(backend)
	return stat.parent, err
}
