package saga

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/docsaga/docsaga/events"
)

// ReasonMigrated is why the open slots of a document are cancelled that goes
// on in another version of its definition.
const ReasonMigrated = "migrated"

// A Migration is what it takes to let a document go on in another version of
// its definition. Its slots there are others, so what is open is closed in the
// old ones and opened as the next visit in the new ones. All of it is to be
// written together, or not at all.
type Migration struct {
	From, To int
	// Obstacles say why it cannot be done. If there are any, the rest is empty.
	Obstacles []Obstacle
	// Carried are the visits that go on.
	Carried []Carried
	// Close are the outcomes that close the open slots of the old version, Redo
	// the commands by which services do their open visits in the new one.
	Close, Redo []Decision
	// Notes say what may surprise.
	Notes []string
	// State is what the document.migrate event carries as such.
	State json.RawMessage

	next State
}

// An Obstacle is why a document cannot be migrated.
type Obstacle struct {
	Step    events.StepID `json:"step,omitempty"` // empty: the document as a whole
	Visit   int           `json:"visit,omitempty"`
	Message string        `json:"message"`
}

// A Carried is a visit that goes on in another version.
type Carried struct {
	Step   events.StepID `json:"step"`
	Visit  int           `json:"visit"` // in the version it leaves
	As     int           `json:"as"`    // in the one that it goes on in
	Status string        `json:"status"`
}

// Migrate plans how a document in state s goes on in another version.
func (d *Definition) Migrate(to *Definition, s *State) Migration {
	m := migrating{from: d, to: to, s: s, plan: Migration{From: d.Version, To: to.Version}, next: make(map[int]int)}
	m.document()
	if len(m.plan.Obstacles) == 0 {
		m.visits()
	}
	if len(m.plan.Obstacles) == 0 {
		m.undos()
	}
	if len(m.plan.Obstacles) > 0 {
		return Migration{From: d.Version, To: to.Version, Obstacles: m.plan.Obstacles}
	}
	m.plan.State = m.encode()
	return m.plan
}

// Items returns what a visit that the migration carries sees of the loops that
// it lies in; see [Definition.Items].
func (m *Migration) Items(to *Definition, x Decision, v Vars) map[events.StepID]json.RawMessage {
	node, ok := to.Node(x.Step)
	if !ok {
		return nil
	}
	i, ok := m.next.find(node, x.Visit)
	if !ok {
		return nil
	}
	return to.Items(&m.next, i, v)
}

type migrating struct {
	from, to *Definition
	s        *State
	plan     Migration
	behind   []Visit     // that come after all others
	next     map[int]int // by node of the old version: the number that its next visit has
}

func (m *migrating) obstacle(v Visit, format string, args ...any) {
	m.plan.Obstacles = append(m.plan.Obstacles, Obstacle{
		Step: m.from.Nodes[v.node].ID, Visit: v.Number(), Message: fmt.Sprintf(format, args...),
	})
}

// document looks whether the document as a whole can be migrated.
func (m *migrating) document() {
	s, why := m.s, ""
	switch {
	case m.from.Name != m.to.Name:
		why = fmt.Sprintf("%s is no version of %s", m.to.Name, m.from.Name)
	case m.to.Version > events.MaxVisit:
		why = fmt.Sprintf("documents can be migrated to versions up to %d", events.MaxVisit)
	case m.from.Version == m.to.Version:
		why = fmt.Sprintf("it follows version %d already", m.to.Version)
	case s.ended:
		why = "it has ended"
	case !s.submitted:
		why = "it was not submitted"
	case s.Verdict != 0:
		why = "it is being undone, which its own version says how to do"
	case s.open == 0 && s.incidents == 0 && s.joining == 0 && !s.stuck:
		why = "it has done its work and is about to end"
	}
	if why != "" {
		m.plan.Obstacles = append(m.plan.Obstacles, Obstacle{Message: why})
	}
}

// visits carries each visit over, at its place, so that what refers to it
// still does.
func (m *migrating) visits() {
	s := m.s
	m.plan.next = State{
		submitted: true, moved: true, Anomalies: s.Anomalies, ranks: s.ranks, stuck: s.stuck, StopStep: s.StopStep, Reason: s.Reason,
	}
	for i := range s.Visits() {
		v := s.Visit(i)
		node, known := m.to.byID[m.from.Nodes[v.node].ID]
		switch {
		case isBusy(v.status):
			m.obstacle(v, "it is %s: try again when that is done", v.status)
		case v.status != Watching && !isLive(v.status) && known:
			v.node = uint16(node) //nolint:gosec // at most MaxNodes
		case v.status == Watching && !known:
			m.close(v, v.Number())
			m.plan.Notes = append(m.plan.Notes, fmt.Sprintf("%s is watched for no more", m.from.Nodes[v.node].ID))
			v = m.gone(v)
		case !known && isLive(v.status):
			m.obstacle(v, "it is %s, and version %d has no such step", v.status, m.to.Version)
		case !known:
			v = m.gone(v)
		default:
			if why := m.differs(v, node); why != "" {
				m.obstacle(v, "%s", why)
				continue
			}
			m.carry(&v, node)
		}
		m.put(v)
	}
	for _, v := range m.behind {
		if v.status == Recalled {
			m.plan.next.ranks = min(m.plan.next.ranks, maxRanks-1) + 1
			v.rank = m.plan.next.ranks
		}
		m.put(v)
	}
}

// put adds a visit, of which there are no more than there may be.
func (m *migrating) put(v Visit) {
	if !m.plan.next.add(v) {
		m.obstacle(v, "it is one visit too many")
	}
}

// isBusy reports whether something is being done about a visit that is no step
// on the document's way.
func isBusy(s Status) bool { return s == Leaving || s == Recalled || s == Undoing || s == UndoFailed }

// gone returns what keeps the place of a visit of which the new version knows
// nothing.
func (m *migrating) gone(v Visit) Visit {
	return Visit{node: uint16(m.to.scopes[0].starts[0]), rank: v.rank, status: Closed, parent: v.parent, item: 1} //nolint:gosec // at most MaxNodes
}

// differs says why a visit that goes on cannot be one of a node of the new version.
func (m *migrating) differs(v Visit, node int) string {
	was, is := &m.from.Nodes[v.node], &m.to.Nodes[node]
	switch {
	case was.Kind != is.Kind:
		return fmt.Sprintf("it is a %s, and in version %d a %s", was.Kind, m.to.Version, is.Kind)
	case was.Trigger != is.Trigger || was.Continues != is.Continues:
		return fmt.Sprintf("version %d triggers it otherwise", m.to.Version)
	case (was.Loop == nil) != (is.Loop == nil) || was.Loop != nil && was.Loop.Sequential != is.Loop.Sequential:
		return fmt.Sprintf("version %d repeats it otherwise", m.to.Version)
	case !slices.Equal(m.from.path(int(v.node)), m.to.path(node)):
		return fmt.Sprintf("in version %d it lies in another sub-process", m.to.Version)
	case was.Kind == Boundary && m.from.Nodes[was.Host].ID != m.to.Nodes[is.Host].ID:
		return fmt.Sprintf("in version %d it sits on another activity", m.to.Version)
	case v.status != Joining && was.isStep() != is.isStep():
		return "it is about to go on: try again then"
	case was.Kind == Call && v.status == Open:
		return "what it called is under way: try again when that has ended"
	}
	for _, id := range m.from.tokens(v) {
		if v.status == Joining && !slices.ContainsFunc(is.in, func(f int) bool { return m.to.Flows[f].ID == id }) {
			return fmt.Sprintf("a token waits on flow %s, which does not lead to it in version %d", id, m.to.Version)
		}
	}
	return ""
}

// path returns the ids of the sub-processes that a node lies in.
func (d *Definition) path(node int) []events.StepID {
	var ids []events.StepID
	for at := d.Nodes[node].Scope; at > 0; at = d.Nodes[at-1].Scope {
		ids = append(ids, d.Nodes[at-1].ID)
	}
	return ids
}

// tokens returns the ids of the flows on which tokens wait in a join.
func (d *Definition) tokens(v Visit) []string {
	var ids []string
	if v.status == Joining {
		for i, f := range d.Nodes[v.node].in {
			if i < 64 && v.bits&(1<<i) != 0 {
				ids = append(ids, d.Flows[f].ID)
			}
		}
	}
	return ids
}

// carry makes a visit that goes on one of the new version. One that waits for
// a person keeps its number, by which it would be undone; the next one, by
// which that person would go on in the old version, is closed.
func (m *migrating) carry(v *Visit, node int) {
	was := *v
	v.node = uint16(node) //nolint:gosec // at most MaxNodes
	switch was.status {   //nolint:exhaustive // the others are not carried
	case Joining:
		v.bits = 0
		for _, id := range m.from.tokens(was) {
			v.bits |= 1 << slices.IndexFunc(m.to.Nodes[node].in, func(f int) bool { return m.to.Flows[f].ID == id })
		}
	case Waiting:
		next := m.number(was)
		m.close(was, next)
		m.behind = append(m.behind, Visit{node: v.node, number: uint16(next), status: Closed, parent: v.parent, item: v.item}) //nolint:gosec // the slot's check bounds it
	default:
		m.close(was, was.Number())
		v.number = uint16(m.number(was)) //nolint:gosec // the slot's check bounds it
		if m.to.Nodes[node].Kind == Service && v.status == Open {
			m.redo(*v, was.number)
		}
	}
	m.plan.Carried = append(m.plan.Carried, Carried{Step: m.to.Nodes[node].ID, Visit: was.Number(), As: v.Number(), Status: was.status.String()})
}

// number returns the next number of a visit's node.
func (m *migrating) number(v Visit) int {
	n, ok := m.next[int(v.node)]
	if !ok {
		n = m.s.Next(int(v.node))
	}
	m.next[int(v.node)] = n + 1
	return n
}

// close plans the outcome that keeps all others out of a slot.
func (m *migrating) close(v Visit, number int) {
	m.plan.Close = append(m.plan.Close, Decision{
		Step: m.from.Nodes[v.node].ID, Visit: number, Kind: events.Outcome, Again: 1, Result: events.Cancelled, Reason: ReasonMigrated,
	})
}

// redo plans the command for an open visit of a service. What the service has
// begun in the old one is undone.
func (m *migrating) redo(v Visit, before uint16) {
	n := &m.to.Nodes[v.node]
	m.plan.Redo = append(m.plan.Redo, Decision{Step: n.ID, Visit: v.Number(), Kind: events.Redo, Again: 1})
	switch {
	case n.Undo != nil:
		m.plan.Notes = append(m.plan.Notes, fmt.Sprintf("%s is done again; what it may have begun is undone", n.ID))
		m.behind = append(m.behind, Visit{node: v.node, number: before, status: Recalled, parent: v.parent, item: v.item})
	case !n.Pure:
		m.plan.Notes = append(m.plan.Notes, fmt.Sprintf("%s is done again; what it may have begun is not undone, for nothing is drawn that does so", n.ID))
	}
}

// undos looks whether all that would be undone can be in the new version.
func (m *migrating) undos() {
	for i := range m.s.Visits() {
		if m.from.mustUndo(m.s, i) && !m.to.mustUndo(&m.plan.next, i) {
			v := m.s.Visit(i)
			m.obstacle(v, "it is %s and must be undone if the document stops, and version %d has no undo for it", v.status, m.to.Version)
		}
	}
}

// A moved is a document's state as a document.migrate event carries it: in
// words, for it must be read for ever.
type moved struct {
	Version   int           `json:"version"`
	From      int           `json:"from"`
	Visits    []movedVisit  `json:"visits"`
	Ranks     uint16        `json:"ranks"`
	Anomalies uint16        `json:"anomalies,omitempty"`
	Stuck     bool          `json:"stuck,omitempty"`
	StopStep  events.StepID `json:"stopStep,omitempty"`
	Reason    string        `json:"reason,omitempty"`
}

type movedVisit struct {
	Step   events.StepID `json:"step,omitempty"` // empty: one that the version does not know
	Visit  uint16        `json:"visit,omitempty"`
	Status string        `json:"status"`
	Rank   uint16        `json:"rank,omitempty"`
	In     uint16        `json:"in,omitempty"` // the place of the visit that it lies in, from 1
	Item   uint16        `json:"item,omitempty"`
	Again  uint8         `json:"again,omitempty"`
	Due    *time.Time    `json:"due,omitempty"`
	Items  uint64        `json:"items,omitempty"`  // of a loop
	Tokens []string      `json:"tokens,omitempty"` // the flows on which they wait in a join
}

func (m *migrating) encode() json.RawMessage {
	s := &m.plan.next
	out := moved{
		Version: m.to.Version, From: m.from.Version, Visits: []movedVisit{},
		Ranks: s.ranks, Anomalies: s.Anomalies, Stuck: s.stuck, StopStep: s.StopStep, Reason: s.Reason,
	}
	for i := range s.Visits() {
		v := s.Visit(i)
		w := movedVisit{Visit: v.number, Status: v.status.String(), Rank: v.rank, In: v.parent, Item: v.item, Again: v.again}
		if v.number > 0 {
			w.Step = m.to.Nodes[v.node].ID
		}
		if due, ok := v.Deadline(); ok && m.to.Nodes[v.node].Kind != Service { // a service begins anew
			w.Due = &due
		}
		if m.to.isLoop(v) {
			w.Items = v.bits
		}
		w.Tokens = m.to.tokens(v)
		out.Visits = append(out.Visits, w)
	}
	raw, _ := json.Marshal(out) // it holds nothing that could fail
	return raw
}
