package api_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/api/apitest"
)

// postgres returns the URL of a schema of the test's own.
func postgres(t *testing.T) string {
	t.Helper()
	url := os.Getenv("DOCSAGA_TEST_POSTGRES")
	if url == "" {
		t.Skip("LEFT OUT: the API on PostgreSQL; set DOCSAGA_TEST_POSTGRES to the URL that deploy/test/postgres.sh start prints")
	}
	name := fmt.Sprintf("api_%d", os.Getpid())
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `DROP SCHEMA IF EXISTS `+name+` CASCADE; CREATE SCHEMA `+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.ExecContext(context.Background(), `DROP SCHEMA `+name+` CASCADE`); err != nil {
			t.Error(err)
		}
		_ = db.Close()
	})
	return url + "&search_path=" + name
}

func TestAFilterMayHoldWhatADatabaseRefuses(t *testing.T) {
	c := startOn(t, apitest.StartOn(t, postgres(t)), api.Config{})
	for _, text := range []string{"%00", "%ff", "a%00b"} {
		for _, query := range []string{"documents?step=", "documents?definition=", "documents?reason=", "documents?text=", "incidents?step=", "incidents?reason="} {
			if r := c.get("/v1/" + query + text); r.status != http.StatusOK {
				t.Errorf("%s%s: %d %s", query, text, r.status, r.body)
			}
		}
	}
	for _, member := range []string{"step", "definition", "reason", "text"} {
		body := strings.ReplaceAll(`{"verb":"cancel","reason":"why","dryRun":true,"filter":{"MEMBER":"a\u0000"}}`, "MEMBER", member)
		if r := c.post("/v1/operations", body); r.status != http.StatusOK {
			t.Errorf("%s: %d %s", body, r.status, r.body)
		}
	}
}
