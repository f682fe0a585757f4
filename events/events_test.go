package events_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ce "github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/docsaga/docsaga/events"
)

var update = flag.Bool("update", false, "write the golden files anew")

// anySlot draws slots that can exist.
func anySlot() *rapid.Generator[events.Slot] {
	id := rapid.StringMatching(`[A-Za-z0-9_-]{1,64}`)
	return rapid.Custom(func(t *rapid.T) events.Slot {
		s := events.Slot{
			Definition: id.Draw(t, "definition"), Version: rapid.IntRange(1, events.MaxVersion).Draw(t, "version"),
			Document: events.DocumentID(id.Draw(t, "document")), Step: events.StepID(id.Draw(t, "step")),
			Visit: rapid.IntRange(1, events.MaxVisit).Draw(t, "visit"),
			Kind:  events.Kind(rapid.IntRange(int(events.Outcome), int(events.Ended)).Draw(t, "kind")), Again: 1,
		}
		if s.Kind == events.Undo || s.Kind == events.Undone {
			s.Again = rapid.IntRange(1, events.MaxAgain).Draw(t, "again")
		}
		if s.Kind.OfDocument() {
			s.Step, s.Visit = events.StepDocument, 1
		} else if s.Step == events.StepDocument {
			s.Step = "step"
		}
		return s
	})
}

// anyEvent draws events that can be written.
func anyEvent() *rapid.Generator[events.Event] {
	return rapid.Custom(func(t *rapid.T) events.Event {
		e := events.Event{
			Slot:   anySlot().Draw(t, "slot"),
			Source: rapid.StringMatching(`/[ -~äß→]{0,40}`).Draw(t, "source"),
			Time:   time.UnixMilli(rapid.Int64Range(0, 4e12).Draw(t, "time")).UTC(),
			Cause:  rapid.StringMatching(`([a-z]{1,9}\.[a-z]{1,9}\.1\.outcome)?`).Draw(t, "cause"),
			Worker: rapid.StringMatching(`[a-z0-9]{0,16}`).Draw(t, "worker"),
			Data:   []byte(rapid.SampledFrom([]string{`{}`, `{"output":{"a":[1,2.5,"ä"]}}`, `{"error":{"code":"x"}}`}).Draw(t, "data")),
		}
		switch e.Slot.Kind {
		case events.Outcome, events.Ended:
			e.Result = events.Result(rapid.IntRange(int(events.Completed), int(events.Cancelled)).Draw(t, "result"))
		case events.Undone:
			e.Result = rapid.SampledFrom([]events.Result{events.Completed, events.Failed}).Draw(t, "result")
		case events.Redo, events.Undo, events.Submitted, events.Cancel, events.Compensate, events.Forgotten, events.Changed, events.Migrate:
		}
		return e
	})
}

func TestASlotComesBackFromItsSubject(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slot := anySlot().Draw(t, "slot")
		if err := slot.Check(); err != nil {
			t.Fatal(err)
		}
		got, err := events.ParseSubject(slot.Subject())
		if err != nil || got != slot {
			t.Fatalf("%s: got %v, %v; want %v", slot.Subject(), got, err, slot)
		}
		if !strings.HasSuffix(slot.Subject(), "."+slot.ID()) {
			t.Fatalf("id %s is not the end of %s", slot.ID(), slot.Subject())
		}
	})
}

func TestAnEventComesBackFromBothWireForms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyEvent().Draw(t, "event")
		if err := e.Check(); err != nil {
			t.Fatal(err)
		}
		got, err := events.Decode(e.Slot.Subject(), e.HeaderLines(), e.Data)
		if diff := cmp.Diff(e, got); err != nil || diff != "" {
			t.Fatalf("headers: %v\n%s", err, diff)
		}
		e.Position, e.At = events.Position{Shard: 3, Seq: 1047}, e.Time.Add(1234567)
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var back events.Event
		if err := json.Unmarshal(raw, &back); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		if diff := cmp.Diff(e, back); diff != "" {
			t.Fatalf("JSON:\n%s", diff)
		}
	})
}

func TestTheCloudEventsSDKReadsOurJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyEvent().Draw(t, "event")
		e.Source = events.SourceService("security") // the SDK takes URI references only
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var sdk ce.Event
		if err := json.Unmarshal(raw, &sdk); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		if err := sdk.Validate(); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		same(t, sdk, e)
		for name, want := range map[string]string{
			"partitionkey": string(e.Slot.Document), "correlationid": string(e.Slot.Document),
			"sagadefinition": e.Slot.Definition, "sagastep": string(e.Slot.Step),
		} {
			if got := sdk.Extensions()[name]; got != want {
				t.Fatalf("extension %s: %v, want %s", name, got, want)
			}
		}
	})
}

func TestTheCloudEventsSDKUnderstandsOurHeaders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyEvent().Draw(t, "event")
		e.Source = events.SourceService("security")
		sdk := ce.New("1.0")
		for name, values := range e.Header() {
			attribute, ok := strings.CutPrefix(name, "ce-")
			if !ok || len(values) != 1 {
				t.Fatalf("header %s: %v", name, values)
			}
			switch v := values[0]; attribute {
			case "specversion":
				sdk.SetSpecVersion(v)
			case "id":
				sdk.SetID(v)
			case "source":
				sdk.SetSource(v)
			case "type":
				sdk.SetType(v)
			case "subject":
				sdk.SetSubject(v)
			case "datacontenttype":
				sdk.SetDataContentType(v)
			case "time":
				at, err := time.Parse(time.RFC3339, v)
				if err != nil {
					t.Fatal(err)
				}
				sdk.SetTime(at)
			default:
				sdk.SetExtension(attribute, v)
			}
		}
		sdk.DataEncoded = e.Data
		if err := sdk.Validate(); err != nil {
			t.Fatal(err)
		}
		same(t, sdk, e)
	})
}

func same(t *rapid.T, sdk ce.Event, e events.Event) {
	got := []string{sdk.ID(), sdk.Source(), sdk.Type(), sdk.Subject(), sdk.Time().UTC().String(), string(sdk.Data())}
	want := []string{e.ID(), e.Source, e.Type(), string(e.Slot.Document), e.Time.String(), string(e.Data)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}

// golden holds one event of each kind, as of this release.
func golden() []events.Event {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	step := events.Slot{Definition: "pdf-validation", Version: 3, Document: "01JDA4XN", Step: "security", Visit: 2, Again: 1}
	base := events.Event{Source: events.SourceService("security"), Time: at, Cause: "01JDA4XN.location.1.outcome", Worker: "w-1"}
	var all []events.Event
	add := func(slot events.Slot, result events.Result, data string) {
		e := base
		e.Slot, e.Result, e.Data = slot, result, []byte(data)
		all = append(all, e)
	}
	for result := events.Completed; result <= events.Cancelled; result++ {
		add(step.Of(events.Outcome), result, `{"output":{"encrypted":false},"context":{"location":{"size":7}}}`)
	}
	add(step.Of(events.Redo), 0, `{"by":{"actor":"ann","reason":"again"}}`)
	add(step.Of(events.Undo), 0, `{}`)
	add(step.Of(events.Undone), events.Completed, `{}`)
	again := step.Of(events.Undone)
	again.Again = 2
	add(again, events.Failed, `{"error":{"code":"timeout","message":"gave up"}}`)
	for _, kind := range []events.Kind{events.Submitted, events.Cancel, events.Compensate} {
		add(events.DocumentSlot("pdf-validation", 3, "01JDA4XN", kind), 0, `{"output":{"file":"a.pdf"}}`)
	}
	add(events.DocumentSlot("pdf-validation", 3, "01JDA4XN", events.Ended), events.Rejected, `{}`)
	all[0].Trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	all[1].Source = "/submitters/Müller & Söhne \"100 %\""
	return all
}

// TestStoredBytesStayReadable compares with the bytes of the first release:
// an event once stored must be read, and a new one written, the same for ever.
func TestStoredBytesStayReadable(t *testing.T) {
	for i, e := range golden() {
		name := filepath.Join("testdata", fmt.Sprintf("%02d-%s-%s.txt", i, e.Slot.Kind, e.Result))
		data := string(wire(e))
		if *update {
			if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), data); diff != "" {
			t.Errorf("%s is written differently:\n%s", name, diff)
		}
		got, err := events.Decode(unwire(string(want)))
		if diff := cmp.Diff(e, got); err != nil || diff != "" {
			t.Errorf("%s is read differently: %v\n%s", name, err, diff)
		}
	}
}

var headerOrder = []string{
	"ce-specversion", "ce-id", "ce-source", "ce-type", "ce-subject", "ce-time",
	"ce-datacontenttype", "ce-causationid", "ce-sagaworker", "traceparent",
}

func wire(e events.Event) []byte {
	var b strings.Builder
	h := e.Header()
	fmt.Fprintf(&b, "%s\n", e.Slot.Subject())
	for _, name := range headerOrder {
		for _, v := range h[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, v)
		}
	}
	fmt.Fprintf(&b, "\n%s\n", e.Data)
	return []byte(b.String())
}

func unwire(text string) (subject string, h events.HeaderLines, data []byte) {
	head, body, _ := strings.Cut(text, "\n\n")
	subject, lines, _ := strings.Cut(head, "\n")
	return subject, events.HeaderLines(lines + "\n"), []byte(strings.TrimSuffix(body, "\n"))
}

func TestSubjectsThatAreNoSlot(t *testing.T) {
	good := events.Slot{Definition: "flow", Version: 1, Document: "a", Step: "s", Visit: 1, Kind: events.Undo, Again: 1}.Subject()
	if _, err := events.ParseSubject(good); err != nil {
		t.Fatal(err)
	}
	p := strings.Split(good, ".")[1]
	for _, subject := range []string{
		"", ".", "docsaga", good + ".x", good + ".", "x" + good, strings.Replace(good, p, "99", 1), strings.Replace(good, "."+p+".", ".+9.", 1),
		"docsaga." + p + ".flow.0.a.s.1.undo", "docsaga." + p + ".flow.01.a.s.1.undo", "docsaga." + p + ".flow.2147483648.a.s.1.undo",
		"docsaga." + p + ".flow.1.a.s.0.undo", "docsaga." + p + ".flow.1.a.s.65536.undo", "docsaga." + p + ".flow.1.a.s.-1.undo",
		"docsaga." + p + ".flow.1.a.s.1.undo-1", "docsaga." + p + ".flow.1.a.s.1.undo-10", "docsaga." + p + ".flow.1.a.s.1.redo-2",
		"docsaga." + p + ".flow.1.a.s.1.outcome-2", "docsaga." + p + ".flow.1.a.s.1.submitted", "docsaga." + p + ".flow.1.a.document.1.outcome",
		"docsaga." + p + ".flow.1.a.document.2.submitted", "docsaga." + p + ".flow.1.a.s.1.Undo", "docsaga." + p + ".fl ow.1.a.s.1.undo",
		"docsaga." + p + ".flow.1.a.*.1.undo", "docsaga." + p + ".flow.1.a.s.1.>", "docsaga." + p + ".flow.1.a.s.1.",
		"docsaga." + p + ".flow.1.a." + strings.Repeat("s", 65) + ".1.undo",
	} {
		if slot, err := events.ParseSubject(subject); !errors.Is(err, events.ErrBadSubject) {
			t.Errorf("%q: %v, %v; want %v", subject, slot, err, events.ErrBadSubject)
		}
	}
}

func TestMessagesThatAreNoEvent(t *testing.T) {
	e := golden()[0]
	for name, change := range map[string]func(h events.Header, data *[]byte){
		"no headers":            func(h events.Header, _ *[]byte) { clear(h) },
		"specversion 0.3":       func(h events.Header, _ *[]byte) { h["ce-specversion"] = []string{"0.3"} },
		"another document's id": func(h events.Header, _ *[]byte) { h["ce-id"] = []string{"x.security.2.outcome"} },
		"a part of the id":      func(h events.Header, _ *[]byte) { h["ce-id"] = []string{"security.2.outcome"} },
		"no id":                 func(h events.Header, _ *[]byte) { delete(h, "ce-id") },
		"another step's type":   func(h events.Header, _ *[]byte) { h["ce-type"] = []string{"docsaga.parsing.completed"} },
		"a type of no result":   func(h events.Header, _ *[]byte) { h["ce-type"] = []string{"docsaga.security.undone"} },
		"a foreign type":        func(h events.Header, _ *[]byte) { h["ce-type"] = []string{"completed"} },
		"no source":             func(h events.Header, _ *[]byte) { delete(h, "ce-source") },
		"a broken source":       func(h events.Header, _ *[]byte) { h["ce-source"] = []string{"/a%2"} },
		"a broken source too":   func(h events.Header, _ *[]byte) { h["ce-source"] = []string{"/a%zz"} },
		"a time of no form":     func(h events.Header, _ *[]byte) { h["ce-time"] = []string{"yesterday"} },
		"a time after all":      func(h events.Header, _ *[]byte) { h["ce-time"] = []string{"9999-12-31T23:59:59-12:00"} },
		"a time before all":     func(h events.Header, _ *[]byte) { h["ce-time"] = []string{"0000-01-01T00:00:00Z"} },
		"XML":                   func(h events.Header, _ *[]byte) { h["ce-datacontenttype"] = []string{"application/xml"} },
		"too much":              func(_ events.Header, data *[]byte) { *data = make([]byte, events.MaxData+1) },
	} {
		h, data := e.Header(), e.Data
		change(h, &data)
		got, err := events.Decode(e.Slot.Subject(), events.LinesOf(h), data)
		if !errors.Is(err, events.ErrBadEvent) || got.Slot != e.Slot {
			t.Errorf("%s: %v, slot %v; want %v and the slot", name, err, got.Slot, events.ErrBadEvent)
		}
	}
	if _, err := events.Decode("x", e.HeaderLines(), e.Data); !errors.Is(err, events.ErrBadSubject) {
		t.Errorf("a foreign subject: %v, want %v", err, events.ErrBadSubject)
	}
}

func TestWhatAForeignWriterMayLeaveOut(t *testing.T) {
	want := golden()[5]
	h := want.Header()
	for _, name := range []string{"ce-time", "ce-datacontenttype", "ce-causationid", "ce-sagaworker", "ce-subject"} {
		delete(h, name)
	}
	h["ce-datacontenttype"] = []string{"application/json; charset=utf-8"}
	h["ce-source"] = []string{"/%64ocsaga/services/security", "/a/second/value"}
	want.Time, want.Cause, want.Worker = time.Time{}, "", ""
	got, err := events.Decode(want.Slot.Subject(), events.LinesOf(h), want.Data)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestDocumentsAreSpreadOverPartitionsByFNV(t *testing.T) {
	// The values of FNV-1a are of http://www.isthe.com/chongo/tech/comp/fnv/.
	for id, hash := range map[events.DocumentID]uint32{"a": 0xe40c292c, "b": 0xe70c2de5, "foobar": 0xbf9cf968} {
		if got := events.Partition(id); got != int(hash%64) {
			t.Errorf("partition of %s is %d, want %d", id, got, hash%64)
		}
	}
	var count [events.Partitions]int
	for i := range 64_000 {
		count[events.Partition(events.DocumentID(fmt.Sprintf("doc-%d", i)))]++
	}
	for p, n := range count {
		if n < 700 || n > 1300 {
			t.Errorf("partition %d has %d of 64000 documents", p, n)
		}
	}
}

func TestIDs(t *testing.T) {
	for id, ok := range map[string]bool{
		"a": true, "01JDA4XN": true, "_coordinator": true, "-": true, strings.Repeat("x", 64): true,
		"": false, "a.b": false, "a b": false, "*": false, ">": false, "ä": false, "a\n": false, "a\x00": false, strings.Repeat("x", 65): false,
	} {
		if err := events.CheckID(id); (err == nil) != ok || !ok && !errors.Is(err, events.ErrBadID) {
			t.Errorf("%q: %v, want ok %t", id, err, ok)
		}
	}
}

func TestPatternsCoverTheirSlots(t *testing.T) {
	for want, p := range map[string]events.Pattern{
		"docsaga.*.flow.3.*.security.*.outcome": {Definition: "flow", Version: 3, Step: "security", Kind: events.Outcome, Again: 1},
		"docsaga.*.flow.3.*.security.*.undo":    {Definition: "flow", Version: 3, Step: "security", Kind: events.Undo},
		"docsaga.*.flow.3.*.security.*.undo-2":  {Definition: "flow", Version: 3, Step: "security", Kind: events.Undo, Again: 2},
	} {
		if got := p.Subject(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestPositions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := events.Position{Shard: rapid.IntRange(0, 63).Draw(t, "shard"), Seq: rapid.Uint64().Draw(t, "seq")}
		if got, err := events.ParsePosition(p.String()); err != nil || got != p {
			t.Fatalf("%v: %v, %v", p, got, err)
		}
	})
	for _, s := range []string{"", "1", "-1", "1-", "-1-1", "1--1", "a-1", "1-a", "99999-1", "1-18446744073709551616"} {
		if p, err := events.ParsePosition(s); err == nil {
			t.Errorf("%q is read as %v", s, p)
		}
	}
}

func TestDataComesBack(t *testing.T) {
	want := events.Data{
		Output:  json.RawMessage(`{"a":1}`),
		Context: events.With(nil, "one", json.RawMessage(`1`)),
		Error:   &events.Error{Code: "timeout"}, By: &events.By{Actor: "ann"},
	}
	raw, err := want.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	got, err := events.ParseData(raw)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if got, err := events.ParseData(nil); err != nil || got.Output != nil {
		t.Errorf("no data: %v, %v", got, err)
	}
	if _, err := events.ParseData([]byte(`[1]`)); !errors.Is(err, events.ErrBadEvent) {
		t.Errorf("an array: %v, want %v", err, events.ErrBadEvent)
	}
	more := events.With(want.Context, "two", json.RawMessage(`2`))
	if len(more) != 2 || len(want.Context) != 1 || len(events.With(more, "three", nil)) != 2 {
		t.Errorf("with: %v of %v", more, want.Context)
	}
}

func TestFileReferences(t *testing.T) {
	digest := strings.Repeat("0a", 32)
	if got, err := (events.File{Ref: "sha256:" + digest}).Digest(); err != nil || got != digest {
		t.Errorf("%s, %v", got, err)
	}
	for _, ref := range []string{"", digest, "sha256:", "sha256:" + digest + "00", "sha256:" + strings.ToUpper(digest), "sha256:" + strings.Repeat("zz", 32), "md5:" + digest} {
		if got, err := (events.File{Ref: ref}).Digest(); err == nil {
			t.Errorf("%q is read as %s", ref, got)
		}
	}
}

func TestDefinitionRefsAreSortedByNumber(t *testing.T) {
	two, ten := events.DefinitionRef{Name: "a", Version: 2}, events.DefinitionRef{Name: "a", Version: 10}
	if two.Compare(ten) >= 0 || ten.Compare(two) <= 0 || ten.Compare(events.DefinitionRef{Name: "b", Version: 1}) >= 0 || ten.Compare(ten) != 0 {
		t.Error("a.2, a.10 and b.1 are not in this order")
	}
	for _, bad := range []events.DefinitionRef{{"", 1}, {"a.b", 1}, {"a", 0}, {"a", 1 << 31}} {
		if err := bad.Check(); !errors.Is(err, events.ErrBadID) {
			t.Errorf("%v: %v, want %v", bad, err, events.ErrBadID)
		}
	}
}

func TestEventsThatCannotBeWritten(t *testing.T) {
	for name, change := range map[string]func(e *events.Event){
		"no slot":               func(e *events.Event) { e.Slot = events.Slot{} },
		"no result":             func(e *events.Event) { e.Result = 0 },
		"no source":             func(e *events.Event) { e.Source = "" },
		"undone by a timeout":   func(e *events.Event) { e.Slot.Kind, e.Result = events.Undone, events.TimedOut },
		"a step's submission":   func(e *events.Event) { e.Slot.Kind, e.Result = events.Submitted, 0 },
		"a command's result":    func(e *events.Event) { e.Slot.Kind = events.Undo },
		"a worker of two lines": func(e *events.Event) { e.Worker = "a\r\nb" },
		"a cause of two lines":  func(e *events.Event) { e.Cause = "a\nb" },
		"a trace of two lines":  func(e *events.Event) { e.Trace = "a\nb" },
		"a year too far":        func(e *events.Event) { e.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"data that is no JSON":  func(e *events.Event) { e.Data = []byte(`{`) },
	} {
		e := golden()[0]
		change(&e)
		if err := e.Check(); !errors.Is(err, events.ErrBadEvent) {
			t.Errorf("%s: %v, want %v", name, err, events.ErrBadEvent)
		}
	}
	e := golden()[0]
	e.Data = make([]byte, events.MaxData+1)
	if err := e.Check(); !errors.Is(err, events.ErrTooLarge) {
		t.Errorf("too much data: %v, want %v", err, events.ErrTooLarge)
	}
}

func TestAHeaderIsMadeAndReadWithoutMemoryOfItsOwn(t *testing.T) {
	e := golden()[0]
	buffer, subject, lines := make([]byte, 0, 1024), e.Slot.Subject(), e.HeaderLines()
	if n := testing.AllocsPerRun(100, func() { buffer = e.AppendHeader(buffer[:0]) }); n != 0 {
		t.Errorf("%v allocations to make a header, want none", n)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = events.Decode(subject, lines, e.Data) }); n != 0 {
		t.Errorf("%v allocations to read it, want none", n)
	}
}

func TestHeaderLinesAreReadAsNATSDoes(t *testing.T) {
	for block, want := range map[string]events.Header{
		"NATS/1.0\r\n\r\n": {},
		"NATS/1.0\r\na: 1\r\na:2\r\nB: \t 3 \r\n\r\nbehind\r\n": {"a": {"1", "2"}, "B": {"3 "}},
		"NATS/1.0\na: 1\n\n":                          {"a": {"1"}},
		"NATS/1.0\r\n: nobody\r\na: b: c\r\n\r\n":     {"a": {"b: c"}},
		"NATS/1.0 503\r\n\r\n":                        {"Status": {"503"}},
		"NATS/1.0 100 Idle Heartbeat\r\na: 1\r\n\r\n": {"a": {"1"}, "Status": {"100"}, "Description": {"Idle Heartbeat"}},
	} {
		lines, ok := events.ParseHeader(block)
		if diff := cmp.Diff(want, lines.Header()); !ok || diff != "" {
			t.Errorf("%q: %v\n%s", block, ok, diff)
		}
	}
	for _, block := range []string{"", "NATS/1.0", "NATS/1.0\r\n", "NATS/1.0\r\na: 1\r\n", "NATS/1.0\r\nno colon\r\n\r\n", "HTTP/1.1\r\n\r\n", "NATS/1.0 5\r\n\r\n"} {
		if lines, ok := events.ParseHeader(block); ok {
			t.Errorf("%q is read as %q", block, lines)
		}
	}
	h := events.Header{"a": {"1", "2\r\nb: 3"}, "B": {""}}
	lines := events.LinesOf(h)
	if got := lines.Get("a"); got != "1" || lines.Get("b") != "" {
		t.Errorf("%q: a is %q, b %q", lines, got, lines.Get("b"))
	}
	if want := (events.Header{"a": {"1", "2  b: 3"}, "B": {""}}); cmp.Diff(want, lines.Header()) != "" {
		t.Error(cmp.Diff(want, lines.Header()))
	}
}
