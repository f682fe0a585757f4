package verify_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/verify"
)

// graph is a -> b -> c; a and b have an undo.
func graph(string, int) (*verify.Graph, bool) {
	return &verify.Graph{
		Next: map[events.StepID][]events.StepID{"document": {"a"}, "a": {"b"}, "b": {"c"}},
		Must: map[events.StepID]bool{"a": true, "b": true},
	}, true
}

// story is the log of one document, a line an event: what stands in the slot,
// its type's word, its cause, and who wrote it (nothing: a service).
func story(lines ...string) []verify.Message {
	const document = "d"
	var list []verify.Message
	for i, line := range lines {
		f := append(strings.Fields(line), "", "", "")
		step, _, _ := strings.Cut(f[0], ".")
		source := map[string]string{"": "/docsaga/services/x", "coordinator": events.SourceCoordinator, "operator": events.SourceOperator}[f[3]]
		h := events.HeaderLines("ce-specversion: 1.0\r\nce-type: docsaga." + step + "." + f[1] + "\r\nce-source: " + source + "\r\n")
		if f[2] != "" && f[2] != "-" {
			h += events.HeaderLines("ce-causationid: " + document + "." + f[2] + "\r\n")
		}
		list = append(list, verify.Message{
			Seq: uint64(i + 1), At: time.Unix(int64(i), 0), Header: h,
			Subject: fmt.Sprintf("docsaga.%02d.abc.1.%s.%s", events.Partition(document), document, f[0]),
		})
	}
	return list
}

func completed() []string {
	return []string{
		"document.1.submitted submitted", "a.1.outcome completed document.1.submitted", "b.1.outcome completed a.1.outcome",
		"c.1.outcome completed b.1.outcome", "document.1.ended completed c.1.outcome coordinator",
	}
}

func rejected() []string {
	return []string{
		"document.1.submitted submitted", "a.1.outcome completed document.1.submitted", "b.1.outcome completed a.1.outcome",
		"c.1.outcome rejected b.1.outcome", "b.1.undo undo c.1.outcome coordinator", "b.1.undone undone b.1.undo",
		"a.1.undo undo b.1.undone coordinator", "a.1.undone undone a.1.undo", "document.1.ended rejected a.1.undone coordinator",
	}
}

// mended is a failed step that is retried, cancelled, and an undo that is
// resolved.
func mended() []string {
	return []string{
		"document.1.submitted submitted", "a.1.outcome completed document.1.submitted", "b.1.outcome failed a.1.outcome",
		"b.2.redo redo b.1.outcome operator", "b.2.outcome completed b.2.redo", "document.1.cancel cancel b.2.outcome operator",
		"c.1.outcome cancelled document.1.cancel coordinator",
		"b.2.undo undo c.1.outcome coordinator", "b.2.undone undone b.2.undo", "b.1.undo undo b.2.undone coordinator", "b.1.undone undone b.1.undo",
		"a.1.undo undo b.1.undone coordinator", "a.1.undone undo-failed a.1.undo", "a.1.undone-2 undone a.1.undone operator",
		"document.1.ended cancelled a.1.undone-2 coordinator",
	}
}

// retried is a failed step that is done anew, at once, in a document that
// completes: what the failed visit may have done is undone meanwhile.
func retried() []string {
	return []string{
		"document.1.submitted submitted", "a.1.outcome completed document.1.submitted", "b.1.outcome failed a.1.outcome",
		"b.2.redo redo b.1.outcome operator", "b.2.outcome completed b.2.redo", "b.1.undo undo b.2.redo coordinator", "b.1.undone undone b.1.undo",
		"c.1.outcome completed b.2.outcome", "document.1.ended completed c.1.outcome coordinator",
	}
}

// retriedInVain is the same, and then the document is rejected.
func retriedInVain() []string {
	return append(without(retried(), 7, 8), "c.1.outcome rejected b.2.outcome", "b.2.undo undo c.1.outcome coordinator", "b.2.undone undone b.2.undo",
		"a.1.undo undo b.2.undone coordinator", "a.1.undone undone a.1.undo", "document.1.ended rejected a.1.undone coordinator")
}

func check(list []verify.Message, more func(*verify.Checker)) verify.Report {
	c := verify.New(verify.Config{Shards: 1, Graph: graph})
	for i := range list {
		c.Take(&list[i])
	}
	if more != nil {
		more(c)
	}
	return c.Finish()
}

func TestWhatIsRightHasNoBreach(t *testing.T) {
	for name, lines := range map[string][]string{"completed": completed(), "rejected": rejected(), "mended": mended(), "retried": retried(), "retried in vain": retriedInVain()} {
		if r := check(story(lines...), nil); !r.OK() || r.Documents != 1 || r.Messages != len(lines) || r.Malformed != 0 || r.Open != 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// without leaves lines out.
func without(lines []string, drop ...int) []string {
	var kept []string
	for i, line := range lines {
		skip := false
		for _, d := range drop {
			skip = skip || d == i
		}
		if !skip {
			kept = append(kept, line)
		}
	}
	return kept
}

// edited replaces a line.
func edited(lines []string, at int, line string) []string {
	lines[at] = line
	return lines
}

func TestEachBreachIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		invariant int
		lines     []string
	}{
		"never submitted":             {1, without(completed(), 0)},
		"never ended":                 {2, without(completed(), 4)},
		"an outcome after the end":    {2, append(rejected(), "c.2.outcome completed b.1.outcome")},
		"two outcomes of a visit":     {3, append(without(completed(), 4), "c.1.outcome completed b.1.outcome", "document.1.ended completed c.1.outcome coordinator")},
		"no cause":                    {5, edited(completed(), 2, "b.1.outcome completed")},
		"a cause that does not exist": {5, edited(completed(), 2, "b.1.outcome completed a.2.outcome")},
		"a cause that comes later":    {5, edited(completed(), 1, "a.1.outcome completed b.1.outcome")},
		"a cause that does not lead":  {5, edited(completed(), 3, "c.1.outcome completed a.1.outcome")},
		"a step that nobody cued":     {5, edited(completed(), 3, "x.1.outcome completed b.1.outcome")},
		"a redo of nothing":           {5, edited(mended(), 3, "b.3.redo redo b.1.outcome")},
		"an undo of nothing":          {5, append(without(rejected(), 8), "a.2.undo undo a.1.undone coordinator", "document.1.ended rejected a.1.undone coordinator")},
		"an undone without command":   {5, edited(rejected(), 5, "b.1.undone-2 undone b.1.undo")},
		"what completed is undone":    {6, append(without(completed(), 4), "b.1.undo undo c.1.outcome coordinator", "b.1.undone undone b.1.undo", "document.1.ended completed c.1.outcome coordinator")},
		"what failed is not undone":   {6, without(retried(), 5, 6)},
		"what was retried is undone":  {6, edited(edited(retried(), 5, "b.2.undo undo b.2.outcome coordinator"), 6, "b.2.undone undone b.2.undo")},
		"one is never undone":         {6, append(without(rejected(), 6, 7, 8), "document.1.ended rejected b.1.undone coordinator")},
		"undone in forward order": {6, append(without(rejected(), 4, 5, 6, 7, 8),
			"a.1.undo undo c.1.outcome coordinator", "a.1.undone undone a.1.undo", "b.1.undo undo a.1.undone coordinator", "b.1.undone undone b.1.undo",
			"document.1.ended rejected b.1.undone coordinator")},
		"undone at once": {6, append(without(rejected(), 4, 5, 6, 7, 8),
			"b.1.undo undo c.1.outcome coordinator", "a.1.undo undo c.1.outcome coordinator", "a.1.undone undone a.1.undo", "b.1.undone undone b.1.undo",
			"document.1.ended rejected b.1.undone coordinator")},
		"the undo failed": {6, append(without(rejected(), 7, 8), "a.1.undone undo-failed a.1.undo", "document.1.ended rejected a.1.undone coordinator")},
	} {
		r := check(story(c.lines...), nil)
		found := false
		for _, b := range r.Breaches {
			found = found || b.Invariant == c.invariant
		}
		if !found {
			t.Errorf("%s: breaches %+v, want one of invariant %d", name, r.Breaches, c.invariant)
		}
	}
}

func TestAGapInTheSequencesIsFound(t *testing.T) {
	list := story(completed()...)
	list[3].Seq = 7
	if r := check(list, nil); r.Findings[6].Breaches != 2 { // up, and back
		t.Errorf("breaches %+v, want two of invariant 7", r.Breaches)
	}
	for name, x := range map[string]verify.Extent{
		"begins late":        {First: 2, Last: 5},
		"deleted":            {First: 1, Last: 5, Deleted: 1},
		"ends early":         {First: 1, Last: 6},
		"behind its anchor":  {First: 1, Last: 5, Anchored: 6},
		"drift, for example": {},
	} {
		r := check(story(completed()...), func(c *verify.Checker) {
			c.Extent(x)
			if x.Last == 0 {
				c.Settings(events.ErrConflict)
			}
		})
		if r.OK() {
			t.Errorf("%s: no breach", name)
		}
	}
}

func TestTheWrongStreamIsFound(t *testing.T) {
	c := verify.New(verify.Config{Shards: 2, Graph: graph})
	list := story(completed()...)
	for i := range list {
		list[i].Shard = 1 - events.Shard("d", 2)
		c.Take(&list[i])
	}
	if r := c.Finish(); r.Findings[2].Breaches != len(list) {
		t.Errorf("%d breaches of invariant 3, want %d", r.Findings[2].Breaches, len(list))
	}
}

func TestTwoVersionsOfADocumentAreFound(t *testing.T) {
	list := story(append(completed(), "document.1.submitted submitted")...)
	list[5].Subject = strings.Replace(list[5].Subject, ".abc.1.", ".abc.2.", 1)
	if r := check(list, nil); r.Findings[0].Breaches == 0 {
		t.Errorf("breaches %+v, want some of invariant 1", r.Breaches)
	}
}

func TestTheRecordOfSubmissionsIsCompared(t *testing.T) {
	r := check(story(completed()...), func(c *verify.Checker) {
		c.Submissions([]verify.Submission{{Document: "d", Answered: true}, {Document: "unanswered"}})
	})
	if !r.OK() || r.Findings[0].Checked != 2 || r.Findings[0].Skipped != "" {
		t.Errorf("%+v", r)
	}
	r = check(story(completed()...), func(c *verify.Checker) { c.Submissions([]verify.Submission{{Document: "lost", Answered: true}}) })
	if len(r.Breaches) != 1 || r.Breaches[0].Document != "lost" || r.Breaches[0].Invariant != 1 {
		t.Errorf("breaches %+v, want that lost is lost", r.Breaches)
	}
	r = check(story(completed()...), func(c *verify.Checker) {
		c.Submissions([]verify.Submission{{Document: "d", Refused: true}, {Document: "other", Refused: true}})
	})
	if len(r.Breaches) != 1 || r.Breaches[0].Document != "d" || r.Breaches[0].Invariant != 1 {
		t.Errorf("breaches %+v, want that d was refused and is there", r.Breaches)
	}
}

func TestEffectsAreCompared(t *testing.T) {
	one := func(step events.StepID) verify.Effect { return verify.Effect{Document: "d", Step: step, Visit: 1} }
	for name, c := range map[string]struct {
		lines    []string
		effects  []verify.Effect
		breaches int
	}{
		"all there":               {completed(), []verify.Effect{one("a"), one("b")}, 0},
		"one is missing":          {completed(), []verify.Effect{one("a")}, 1},
		"one is doubled":          {completed(), []verify.Effect{one("a"), one("b"), one("b")}, 1},
		"one of nothing":          {completed(), []verify.Effect{one("a"), one("b"), {Document: "e", Step: "a", Visit: 1}}, 1},
		"all undone":              {rejected(), nil, 0},
		"one was not undone":      {rejected(), []verify.Effect{one("a")}, 1},
		"resolved by hand: there": {mended(), []verify.Effect{one("a")}, 0},
		"resolved by hand: gone":  {mended(), nil, 0},
	} {
		r := check(story(c.lines...), func(k *verify.Checker) { k.Effects([]events.StepID{"a", "b"}, c.effects) })
		if len(r.Breaches) != c.breaches || c.breaches > 0 && r.Findings[3].Breaches != c.breaches || r.Findings[3].Checked == 0 {
			t.Errorf("%s: breaches %+v, want %d of invariant 4", name, r.Breaches, c.breaches)
		}
	}
}

func TestWhatIsNoEventStandsForAFailure(t *testing.T) {
	list := story(append(without(rejected(), 8), "document.1.ended failed a.1.undone coordinator")...)
	list[3].Header = "" // nobody knows its cause, which is a breach; but its slot is taken
	r := check(list, nil)
	if r.Malformed != 1 || len(r.Breaches) != 1 || r.Breaches[0].Invariant != 5 {
		t.Errorf("%d malformed, breaches %+v; want one each", r.Malformed, r.Breaches)
	}
}

func TestADocumentUnderWayMayBeOpen(t *testing.T) {
	list := story(without(completed(), 4)...)
	for after, want := range map[int64]bool{0: true, 100: false} {
		c := verify.New(verify.Config{Shards: 1, Graph: graph, OpenAfter: time.Unix(after, 0)})
		for i := range list {
			c.Take(&list[i])
		}
		if r := c.Finish(); r.OK() != want || r.Open != 1 {
			t.Errorf("touched at 3, may be open after %d: %+v", after, r)
		}
	}
}

// BenchmarkCheck checks documents of nine events.
func BenchmarkCheck(b *testing.B) {
	const documents = 10_000
	var list []verify.Message
	for n := range documents {
		id := fmt.Sprintf("d%d", n)
		for _, m := range story(rejected()...) {
			m.Seq = uint64(len(list) + 1)
			m.Subject = strings.Replace(strings.Replace(m.Subject, ".d.", "."+id+".", 1), fmt.Sprintf("docsaga.%02d.", events.Partition("d")), fmt.Sprintf("docsaga.%02d.", events.Partition(events.DocumentID(id))), 1)
			m.Header = events.HeaderLines(strings.Replace(string(m.Header), "ce-causationid: d.", "ce-causationid: "+id+".", 1))
			list = append(list, m)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if r := check(list, nil); !r.OK() || r.Documents != documents {
			b.Fatalf("%+v", r.Breaches[:1])
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(list)), "ns/message")
}
