package main

import (
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/bench/peer"
)

// some returns what two entrants gave in three rounds.
func some() []result {
	return []result{
		{who: ours, durability: "strict", rounds: []peer.Round{
			{PerSecond: 1000, CPU: 500, Memory: 100, Rate: 50, P50: 2, P99: 8},
			{PerSecond: 3000, CPU: 600, Memory: 120, Rate: 50, P50: 3, P99: 9},
			{PerSecond: 2000, CPU: 400, Memory: 110, Rate: 50, P50: 1, P99: 7},
		}},
		{who: "temporal", durability: "strict", rounds: []peer.Round{
			{PerSecond: 40, CPU: 50000, Memory: 300, Rate: 20, P50: 40, P99: 80},
			{PerSecond: 100, CPU: 40000, Memory: 310, Rate: 50, P50: 60, P99: 90},
			{PerSecond: 50, CPU: 40000, Memory: 320, Rate: 20, P50: 50, P99: 70},
		}},
	}
}

func TestTheTableHasMediansSpreadAndRatios(t *testing.T) {
	var out strings.Builder
	if err := printTable(&out, some(), 3, 12*time.Second); err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for line := range strings.Lines(out.String()) {
		var cells []string
		for cell := range strings.SplitSeq(strings.Trim(line, "|\n"), "|") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		rows = append(rows, cells)
	}
	for n, want := range map[int]string{
		2: "docsaga,strict: on disk first,2000 (1000-3000),2.0,8.0,50,500,110,,,",
		// Latency only of the rounds at the lower rate; ratios 25, 30, 40 and so on round by round.
		3: "temporal,strict: on disk first,50 (40-100),45.0,75.0,20,40000,310,30.0 times,0.10 of it,0.01 of it",
	} {
		if got := strings.Join(rows[n], ","); got != want {
			t.Errorf("row %d:\n got %s\nwant %s", n, got, want)
		}
	}
	if !strings.Contains(out.String(), "3 rounds in turn, 12 s in all, load ") {
		t.Errorf("the table does not say how it was measured:\n%s", out.String())
	}
}

func TestMediansOfAnEvenNumberOfRounds(t *testing.T) {
	r := some()[0]
	r.rounds = r.rounds[:2]
	if m, least, most := r.spread(perSecond); m != 2000 || least != 1000 || most != 3000 {
		t.Errorf("of 1000 and 3000: %g (%g-%g)", m, least, most)
	}
}

func TestRatiosAreNotTakenAcrossDurabilities(t *testing.T) {
	results := some()
	results[1].durability = "relaxed"
	if faster, late, dear := ratios(results, results[1]); faster+late+dear != "" {
		t.Errorf("a relaxed peer is compared with strict docsaga: %s, %s, %s", faster, late, dear)
	}
}

func TestEachRowSaysWhenWhatIsDoneIsOnDisk(t *testing.T) {
	for _, c := range []struct{ who, durability, want string }{
		{ours, "strict", "strict: on disk first"},
		{"dbos", "strict", "strict: on disk first"},
		{ours, "relaxed", "relaxed: on disk in 2 min"},
		{"docsaga+projections", "relaxed", "relaxed: on disk in 2 min"},
		{"temporal", "relaxed", "relaxed: on disk in 0.6 s"},
	} {
		if got := (result{who: c.who, durability: c.durability}).durable(); got != c.want {
			t.Errorf("%s, %s: %q, want %q", c.who, c.durability, got, c.want)
		}
	}
}
