package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/natslog/embedded"
	"github.com/docsaga/docsaga/saga/catalog"
)

// waitingLog is a log in which documents wait at their first step; it returns
// the address.
func waitingLog(t *testing.T, documents ...events.DocumentID) string {
	t.Helper()
	server, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Addr: "127.0.0.1:0", Durability: natslog.Relaxed})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	nc, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if err := natslog.Provision(t.Context(), nc, natslog.Config{Shards: 2, Durability: natslog.Relaxed}); err != nil {
		t.Fatal(err)
	}
	log, err := natslog.Open(t.Context(), nc, natslog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := drawing("")
	if err != nil {
		t.Fatal(err)
	}
	d, err := catalog.Deploy(t.Context(), log, drawn)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range documents {
		_, err := log.Write(t.Context(), events.Event{
			Slot: events.DocumentSlot(d.Name, d.Version, id, events.Submitted), Source: "/test", Worker: "t", Time: time.Now(), Data: []byte(`{"output":{}}`),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return server.URL()
}

func TestVerbsRefuseWhatIsNotMeant(t *testing.T) {
	for _, args := range [][]string{
		{"cancel"},
		{"cancel", "d"},
		{"cancel", "a.b", "--reason", "r"},
		{"cancel", "d", "--state", "running", "--reason", "r", "--dry-run"},
		{"cancel", "--state", "running", "--reason", "r"},
		{"cancel", "d", "--step", "a", "--reason", "r"},
		{"resolve", "d", "--reason", "r", "--outcome", "failed"},
		{"resolve", "d", "--reason", "r", "--outcome", "rejected"},
		{"resolve", "d", "--reason", "r", "--code", "x"},
		{"resolve", "d", "--reason", "r", "--output-json", "{"},
		{"compensate", "--plan", "a", "b"},
	} {
		if code, _, errOut := docsaga(t, append(args, "--nats", "nats://127.0.0.1:1")...); code != exitUsage || errOut == "" {
			t.Errorf("%v: exit code %d, says %q; want %d and why", args, code, errOut, exitUsage)
		}
	}
}

func TestCancelByNameAndByFilter(t *testing.T) {
	url := waitingLog(t, "one", "two", "three")
	args := func(more ...string) []string { return append(more, "--nats", url, "-o", "json", "--actor", "ann") }
	results := func(out string) (list []verbResult) {
		t.Helper()
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return list
	}
	code, out, errOut := docsaga(t, args("cancel", "one", "--reason", "a mistake")...)
	if list := results(out); code != exitOK || len(list) != 1 || list[0].Event != "one.document.1.cancel" || list[0].Position == nil {
		t.Fatalf("exit code %d, printed %s%s", code, out, errOut)
	}
	if code, out, _ = docsaga(t, args("cancel", "one", "--reason", "a mistake")...); code != exitOK || !results(out)[0].Already {
		t.Errorf("again: exit code %d, printed %s; want that it stood already", code, out)
	}
	if code, _, errOut = docsaga(t, args("retry", "two", "--reason", "r")...); code != exitConflict || !strings.Contains(errOut, "running") {
		t.Errorf("retry of a running document: exit code %d, says %q; want %d and where it is", code, errOut, exitConflict)
	}
	if code, _, _ = docsaga(t, args("cancel", "nobody", "--reason", "r")...); code != exitNotFound {
		t.Errorf("of nobody: exit code %d, want %d", code, exitNotFound)
	}
	code, out, _ = docsaga(t, args("cancel", "--state", "running", "--reason", "r", "--dry-run")...)
	if list := results(out); code != exitOK || len(list) != 2 || list[0].Position != nil {
		t.Errorf("dry run: exit code %d, printed %s; want two documents and nothing done", code, out)
	}
	if code, _, errOut = docsaga(t, args("cancel", "--state", "running", "--reason", "r", "--expect", "3")...); code != exitConflict {
		t.Errorf("unexpected count: exit code %d, says %q; want %d", code, errOut, exitConflict)
	}
	code, out, _ = docsaga(t, args("cancel", "--state", "running", "--reason", "r", "--expect", "2")...)
	if list := results(out); code != exitOK || len(list) != 2 || list[0].Position == nil || list[1].Position == nil {
		t.Errorf("by filter: exit code %d, printed %s; want two documents cancelled", code, out)
	}
	if code, out, _ = docsaga(t, "compensate", "--plan", "two", "--nats", url); code != exitOK || !strings.HasPrefix(out, "STEP") {
		t.Errorf("plan: exit code %d, printed %q", code, out)
	}
}
