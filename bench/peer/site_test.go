package peer

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func server(t *testing.T) string {
	t.Helper()
	url := os.Getenv("DOCSAGA_TEST_POSTGRES")
	if url == "" {
		t.Skip("LEFT OUT: databases on PostgreSQL; set DOCSAGA_TEST_POSTGRES to the URL that deploy/test/postgres.sh start prints")
	}
	return url
}

func ask(t *testing.T, url, query string) (answer string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // nothing is under way
	if err := conn.QueryRow(t.Context(), query).Scan(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestASiteMakesDatabasesOfItsDurabilityAndDropsThem(t *testing.T) {
	for commit, relaxed := range map[string]bool{"on": false, "off": true} {
		site := OpenSite(server(t), relaxed)
		url, err := site.Create(t.Context(), "test")
		if err != nil {
			t.Fatal(err)
		}
		if got := ask(t, url, "SHOW synchronous_commit"); got != commit {
			t.Errorf("relaxed %v: synchronous_commit is %s", relaxed, got)
		}
		name := ask(t, url, "SELECT current_database()")
		if !strings.HasPrefix(name, "bench_test_") {
			t.Errorf("the database is %s", name)
		}
		if err := site.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if left := ask(t, server(t), "SELECT count(*)::text FROM pg_database WHERE datname = '"+name+"'"); left != "0" {
			t.Errorf("%s is left behind", name)
		}
	}
}

func TestASiteRefusesAServerThatDoesNotFlush(t *testing.T) {
	err := OpenSite(server(t), false).Durable(t.Context())
	if ask(t, server(t), "SHOW fsync") == "off" {
		if !errors.Is(err, ErrNotDurable) {
			t.Errorf("fsync is off: %v, want %v", err, ErrNotDurable)
		}
	} else if err != nil {
		t.Errorf("fsync is on: %v", err)
	}
}

func TestTheServersProcessIsFound(t *testing.T) {
	pid, err := OpenSite(server(t), false).postmaster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(family(pid)) < 4 {
		t.Errorf("PostgreSQL is process %d with the family %v; want its writers too", pid, family(pid))
	}
}
