package sqlstore_test

import (
	"bufio"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/projections"
)

const killedEnv = "DOCSAGA_TEST_PROJECT_INTO"

// TestProjectUntilKilled is the process that TestAKilledProjector kills.
func TestProjectUntilKilled(t *testing.T) {
	path := os.Getenv(killedEnv)
	if path == "" {
		t.Skip("only run by TestAKilledProjectorLosesAndRepeatsNothing, in a process of its own")
	}
	s := tell(t, 2000, 13)
	store := open(t, path)
	p := projections.New(store, pdfValidation(t))
	for shard, list := range s.log {
		for len(list) > 0 {
			n := min(20, len(list))
			if err := p.Apply(t.Context(), shard, list[:n]); err != nil {
				t.Fatal(err)
			}
			list = list[n:]
			_, _ = os.Stdout.WriteString("applied\n") // nobody listens any more
		}
	}
}

func TestAKilledProjectorLosesAndRepeatsNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT TESTED in short mode: projectors that are killed")
	}
	path := filepath.Join(t.TempDir(), "status.db")
	for range 4 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProjectUntilKilled$")
		cmd.Env = append(os.Environ(), killedEnv+"="+path)
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for after := 1 + rand.IntN(200); after > 0 && lines.Scan(); {
			if strings.Contains(lines.Text(), "applied") {
				after--
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
	}
	s := tell(t, 2000, 13)
	store, want := open(t, path), openSQLite(t)
	before, err := store.Positions(t.Context())
	if err != nil || len(before) == 0 || before[0].Seq == uint64(len(s.log[0])) && len(before) == shards {
		t.Fatalf("after the kills the store is at %v, %v; want something in between", before, err)
	}
	s.feed(t, projections.New(store, pdfValidation(t)), func() int { return 100 })
	s.feed(t, projections.New(want, pdfValidation(t)), func() int { return 100 })
	if got, want := checksum(t, store), checksum(t, want); got != want {
		t.Errorf("checksum %s, want that of a projector that was never killed, %s", got, want)
	}
}
