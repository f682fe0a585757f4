package bpmn

import (
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/saga"
)

// startDrawn draws a process with start events.
func startDrawn(starts ...string) []byte {
	var b strings.Builder
	b.WriteString(`<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"><message id="M" name="paid"/><signal id="S" name="stop"/><process id="p" isExecutable="true"><endEvent id="end"/>`)
	for i, s := range starts {
		id := string(rune('a' + i))
		b.WriteString("\n" + `<startEvent id="` + id + `">` + s + `</startEvent><sequenceFlow id="f` + id + `" sourceRef="` + id + `" targetRef="end"/>`)
	}
	return []byte(b.String() + `</process></definitions>`)
}

func timed(kind, text string) string {
	return `<timerEventDefinition><` + kind + `>` + text + `</` + kind + `></timerEventDefinition>`
}

func TestAStartTimerSaysWhenItGoesOff(t *testing.T) {
	at := func(text string) time.Time {
		if text == "" {
			return time.Time{}
		}
		v, err := time.Parse("2006-01-02T15:04:05", text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	const set = "2026-01-01T00:00:00"
	for _, test := range []struct{ kind, text, now, last, next string }{
		{timeDate, "2026-02-01T00:00:00Z", set, "", "2026-02-01T00:00:00"},
		{timeDate, "2026-02-01T00:00:00Z", "2026-02-01T00:00:00", "2026-02-01T00:00:00", ""},
		{timeDate, "2026-02-01T02:00:00+02:00", "2027-01-01T00:00:00", "2026-02-01T00:00:00", ""},
		{timeDate, "2025-12-31", "2026-01-02T00:00:00", "", ""}, // before it was deployed
		{timeDuration, "PT1H", set, "", "2026-01-01T01:00:00"},
		{timeDuration, "PT1H", "2026-01-05T00:00:00", "2026-01-01T01:00:00", ""},
		{timeDuration, "PT0S", set, set, ""},
		{timeCycle, "R/PT1H", set, "", "2026-01-01T01:00:00"},
		{timeCycle, "R/PT1H", "2026-01-01T05:59:59", "2026-01-01T05:00:00", "2026-01-01T06:00:00"},
		{timeCycle, "R/PT1H", "2026-01-01T06:00:00", "2026-01-01T06:00:00", "2026-01-01T07:00:00"},
		{timeCycle, "R3/PT1H", "2026-01-01T02:30:00", "2026-01-01T02:00:00", "2026-01-01T03:00:00"},
		{timeCycle, "R3/PT1H", "2026-01-01T03:00:00", "2026-01-01T03:00:00", ""},
		{timeCycle, "R3/PT1H", "2026-07-01T00:00:00", "2026-01-01T03:00:00", ""},
		{timeCycle, "R1/PT1H", set, "", "2026-01-01T01:00:00"},
		{timeCycle, "R/PT0.5S", "2036-01-01T00:00:00", "2036-01-01T00:00:00", "2036-01-01T00:00:01"}, // to the second
		{timeCycle, "R/2026-01-31T09:00:00Z/P1D", set, "", "2026-01-31T09:00:00"},
		{timeCycle, "R/2020-01-01T09:00:00Z/P1D", "2026-01-01T10:00:00", "2026-01-01T09:00:00", "2026-01-02T09:00:00"},
		{timeCycle, "R/2020-01-01T09:00:00Z/P1D", "2026-01-01T08:00:00", "", "2026-01-01T09:00:00"},
		{timeCycle, "R3/2025-12-31T09:00:00Z/P1D", "2026-01-01T08:00:00", "", "2026-01-01T09:00:00"},
		{timeCycle, "R3/2025-12-31T09:00:00Z/P1D", "2026-01-09T08:00:00", "2026-01-02T09:00:00", ""},
		{timeCycle, "R3/2019-12-31T09:00:00Z/P1D", "2026-01-09T08:00:00", "", ""},
		{timeCycle, "R/2026-01-15T00:00:00Z/P1M", "2026-12-20T00:00:00", "2026-12-15T00:00:00", "2027-01-15T00:00:00"},
		{timeCycle, "R/1700-01-01T00:00:00Z/P1Y", "2026-06-01T00:00:00", set, "2027-01-01T00:00:00"},
		{timeCycle, "R/P200Y", "2026-06-01T00:00:00", "", "2226-01-01T00:00:00"},
	} {
		d, err := Parse(startDrawn(timed(test.kind, test.text)), 1)
		if err != nil {
			t.Fatalf("%s: %v", test.text, err)
		}
		last, next, err := d.Nodes[d.Starts()[0]].Clock.Around(saga.Vars{Now: at(set)}, at(set), at(test.now))
		if err != nil || !last.Truncate(time.Second).Equal(at(test.last)) || !next.Round(time.Second).Equal(at(test.next)) {
			t.Errorf("%s at %s: last %v, next %v, %v; want %q, %q", test.text, test.now, last, next, err, test.last, test.next)
		}
	}
}

func TestStartTimersThatCannotBeReadAreRefusedWhenTheyAreDeployed(t *testing.T) {
	for text, want := range map[string]string{
		timed(timeCycle, "0 0 9 * * MON"):          `error: line 2: startEvent a: cycle "0 0 9 * * MON": want ISO 8601`,
		timed(timeDuration, "soon"):                `error: line 2: startEvent a: duration "soon"`,
		timed(timeDate, "=order.due"):              `error: line 2: startEvent a: `,
		timed(timeDate, "=1 +"):                    `error: line 2: startEvent a: its timer "=1 +" cannot be read`,
		timed(timeDate, ""):                        `warning: line 2: startEvent a: its timer has no timeDate, timeDuration or timeCycle: only a submission starts a document`,
		timed(timeDate, `="2026-01-01T00:00:00Z"`): ``,
	} {
		r := Check(startDrawn(text))
		var all strings.Builder
		for _, f := range r.Findings {
			all.WriteString(f.String() + "\n")
		}
		if !strings.Contains(all.String(), want) || r.Sound == strings.HasPrefix(want, "error") {
			t.Errorf("%s: sound %t\n%swant %q", text, r.Sound, all.String(), want)
		}
		if _, err := Parse(startDrawn(text), 1); err != nil && strings.HasPrefix(want, "error") {
			t.Errorf("%s: what may be deployed since before cannot be read: %v", text, err)
		}
	}
}

func TestStartEventsAreExplained(t *testing.T) {
	r := Check(startDrawn("", `<messageEventDefinition messageRef="M"/>`, `<signalEventDefinition signalRef="S"/>`, timed(timeCycle, "R/PT1H"), "",
		`<messageEventDefinition messageRef="M"/>`))
	for _, want := range []string{
		"A document begins at a, unless it says otherwise.", "The message paid starts one at b.", "The signal stop starts one at c.",
		"The clock starts one at d: timeCycle R/PT1H.", "One begins at e if its submission says so.",
	} {
		if !strings.Contains(r.Explain, want) {
			t.Errorf("%s\nwant %q", r.Explain, want)
		}
	}
	var all []string
	for _, f := range r.Findings {
		all = append(all, f.String())
	}
	for _, want := range []string{
		"warning: line 6: startEvent e: a is a plain start event, too: a document begins here only if its submission says so",
		"warning: line 7: startEvent f: b begins with the same message: a document begins here only if its submission says so",
	} {
		if !strings.Contains(strings.Join(all, "\n"), want) {
			t.Errorf("%q\nwant %q", all, want)
		}
	}
}

func TestAJoinOfTwoStartEventsIsADeadlock(t *testing.T) {
	drawn := startDrawn("", `<messageEventDefinition messageRef="M"/>`)
	drawn = []byte(strings.Replace(string(drawn), `<endEvent id="end"/>`, `<parallelGateway id="end"/><endEvent id="z"/><sequenceFlow id="fz" sourceRef="end" targetRef="z"/>`, 1))
	if r := Check(drawn); r.Sound || !strings.Contains(r.Err().Error(), "deadlock") {
		t.Errorf("sound %t, %v; want a deadlock, for a document begins at one of them", r.Sound, r.Findings)
	}
}
