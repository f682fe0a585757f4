package verify_test

import (
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/verify"
)

// versions is a story whose lines begin with the version that they stand under.
func versions(lines ...string) []verify.Message {
	var list []verify.Message
	for i, line := range lines {
		version, rest, _ := strings.Cut(line, " ")
		m := story(rest)[0]
		m.Seq, m.At = uint64(i+1), time.Unix(int64(i), 0)
		m.Subject = strings.Replace(m.Subject, ".abc.1.", ".abc."+version+".", 1)
		list = append(list, m)
	}
	return list
}

func migrated() []string {
	return []string{
		"1 document.1.submitted submitted", "1 a.1.outcome completed document.1.submitted", "1 b.1.outcome failed a.1.outcome",
		"1 document.2.migrate migrate b.1.outcome operator", "1 b.2.outcome cancelled document.2.migrate operator",
		"2 b.3.redo redo b.1.outcome operator", "2 b.1.undo undo b.3.redo coordinator", "2 b.3.outcome completed b.3.redo",
		"2 b.1.undone undone b.1.undo", "2 x.1.outcome completed b.3.outcome", "2 c.1.outcome completed x.1.outcome",
		"2 document.1.ended completed c.1.outcome coordinator",
	}
}

func checkVersions(lines []string) verify.Report {
	c := verify.New(verify.Config{Shards: 1, Graph: func(name string, version int) (*verify.Graph, bool) {
		g, ok := graph(name, version)
		if version == 2 {
			g.Next["b"], g.Next["x"] = []events.StepID{"x"}, []events.StepID{"c"}
		}
		return g, ok && version < 3
	}})
	for _, m := range versions(lines...) {
		c.Take(&m)
	}
	return c.Finish()
}

func TestAMigratedDocumentBreaksNothing(t *testing.T) {
	if r := checkVersions(migrated()); len(r.Breaches) > 0 {
		t.Errorf("breaches %v, want none", r.Breaches)
	}
}

func TestAnotherVersionWithoutAMigrationIsABreach(t *testing.T) {
	tests := []struct {
		name string
		edit func(lines []string) []string
		want int
	}{
		{"no event says so", func(l []string) []string { return append(l[:3:3], l[5:]...) }, 1},
		{"one migration, two versions", func(l []string) []string {
			l[10] = "3" + l[10][1:]
			return l
		}, 1},
		{"a step of the next version before it", func(l []string) []string {
			return append(append(append([]string{}, l[:2]...), "2 x.1.outcome completed b.1.outcome"), l[2:]...)
		}, 1},
		{"what was done is never undone", func(l []string) []string {
			return append(l[:5:5], "2 document.1.ended cancelled document.2.migrate coordinator")
		}, 6},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := checkVersions(test.edit(migrated()))
			for _, b := range r.Breaches {
				if b.Invariant == test.want {
					return
				}
			}
			t.Errorf("breaches %v, want one of invariant %d", r.Breaches, test.want)
		})
	}
}
