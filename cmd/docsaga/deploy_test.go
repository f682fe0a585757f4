package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// understands fails if the command line is none of this program's.
func understands(t *testing.T, where string, args []string) {
	t.Helper()
	cmd, rest, err := (&app{out: io.Discard, errOut: io.Discard}).root().Find(args)
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err == nil && cmd.HasParent() {
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err != nil || !cmd.HasParent() && len(args) > 0 && args[0] != "help" {
		t.Errorf("%s: docsaga %q: %v", where, args, err)
	}
}

func TestUnitsAndImageStartWhatThereIs(t *testing.T) {
	units, err := filepath.Glob(filepath.Join("..", "..", "deploy", "systemd", "docsaga*.service"))
	if err != nil || len(units) != 3 {
		t.Fatalf("units %v: %v", units, err)
	}
	program := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/docsaga (.*)$`)
	for _, path := range units {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found := program.FindSubmatch(raw)
		if found == nil {
			t.Errorf("%s starts no docsaga", path)
			continue
		}
		for _, service := range serviceNames() {
			understands(t, path, strings.Fields(strings.ReplaceAll(string(found[1]), "%i", service)))
		}
		for _, must := range []string{"User=docsaga\n", "NoNewPrivileges=yes\n", "EnvironmentFile=/etc/docsaga/", "ProtectSystem=strict\n"} {
			if !strings.Contains(string(raw), must) {
				t.Errorf("%s: no %s", path, must)
			}
		}
	}
	raw, err := os.ReadFile(filepath.Join("..", "..", "deploy", "container", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	var args []string
	found := regexp.MustCompile(`(?m)^CMD (.*)$`).FindSubmatch(raw)
	if found == nil || json.Unmarshal(found[1], &args) != nil || !strings.Contains(string(raw), "\nUSER nonroot:nonroot\n") {
		t.Fatal("the image has no command, or runs as root")
	}
	understands(t, "Dockerfile", args)
}
