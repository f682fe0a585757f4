package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMigrateShowsThenLetsDocumentsGoOnInAnotherVersion(t *testing.T) {
	url := waitingLog(t, "one", "two")
	run := func(args ...string) (int, []migrated, string) {
		t.Helper()
		code, out, errOut := docsaga(t, append(args, "--nats", url, "-o", "json", "--actor", "ann")...)
		var list []migrated
		if out != "" {
			if err := json.Unmarshal([]byte(out), &list); err != nil {
				t.Fatalf("%v prints %q: %v", args, out, err)
			}
		}
		return code, list, errOut
	}
	drawn, err := drawing("")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "next.bpmn")
	next := strings.Replace(string(drawn), `isExecutable="true"`, `name="the next" isExecutable="true"`, 1)
	if next == string(drawn) {
		t.Fatal("the next version is drawn as the first")
	}
	if err := os.WriteFile(file, []byte(next), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errOut := docsaga(t, "definition", "deploy", file, "--nats", url); code != 0 {
		t.Fatalf("deploy: %d %s %s", code, out, errOut)
	}
	for _, args := range [][]string{{"migrate", "one", "--reason", "r"}, {"migrate", "--to", "2", "--reason", "r"}, {"migrate", "one", "--to", "2"}} {
		if code, _, _ := run(args...); code != exitUsage {
			t.Errorf("%v: exit code %d, want %d", args, code, exitUsage)
		}
	}
	code, list, _ := run("migrate", "one", "--to", "2", "--reason", "r", "--dry-run")
	if code != 0 || len(list) != 1 || list[0].Event != "one.document.2.migrate" || len(list[0].Carried) != 1 || list[0].Carried[0].As != 2 {
		t.Errorf("dry run: code %d, %+v; want one step that would go on as its second visit", code, list)
	}
	if code, list, errOut := run("migrate", "--state", "running", "--to", "2", "--reason", "r", "--expect", "2"); code != 0 || len(list) != 2 || list[0].Event == "" {
		t.Errorf("by filter: code %d, %+v %s; want both migrated", code, list, errOut)
	}
	if code, list, _ := run("migrate", "one", "--to", "2", "--reason", "r"); code != 0 || !list[0].Already {
		t.Errorf("again: code %d, %+v; want that it stood already", code, list)
	}
	if code, _, errOut := run("migrate", "one", "--to", "1", "--reason", "r"); code != exitConflict || !strings.Contains(errOut, "it has left version 1 before") {
		t.Errorf("back: code %d, %s; want it refused", code, errOut)
	}
	if code, list, _ := run("migrate", "one", "--to", "1", "--reason", "r", "--dry-run"); code != exitConflict || len(list) != 1 || len(list[0].Obstacles) != 1 {
		t.Errorf("back, dry: code %d, %+v; want the obstacle", code, list)
	}
	var status struct {
		Version int    `json:"version"`
		State   string `json:"state"`
	}
	if code, out, errOut := docsaga(t, "status", "one", "--nats", url, "-o", "json"); code != 0 || json.Unmarshal([]byte(out), &status) != nil || status.Version != 2 || status.State != "running" {
		t.Errorf("status: code %d %s %s, want it running in version 2", code, out, errOut)
	}
	if code, out, errOut := docsaga(t, "cancel", "one", "--nats", url, "--reason", "r"); code != 0 {
		t.Errorf("cancel after it: %d %s %s", code, out, errOut)
	}
}
