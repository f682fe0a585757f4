package main

import (
	"io"
	"testing"
)

func TestEachPartOfDevUnderstandsWhatItIsTold(t *testing.T) {
	on := settings{
		logLevel: "warn", seal: true, checked: true, records: "r.db", status: "s.db", policy: "p.yaml", clamd: "tcp:127.0.0.1:1",
		keys: "k", masterKey: "m", otlp: "http://127.0.0.1:1", roots: []string{"/a", "/b"}, maxWaiting: 5, signing: signing{key: "x", signers: "y", required: true},
	}
	for name, s := range map[string]settings{"nothing": {logLevel: "warn"}, "everything": on} {
		a := &app{out: io.Discard, errOut: io.Discard, settings: s}
		children := a.children("nats://127.0.0.1:1", "data", "127.0.0.1:0")
		if len(children) != 2+len(serviceNames()) {
			t.Errorf("%s: %d parts", name, len(children))
		}
		for part, args := range children {
			cmd, rest, err := (&app{out: io.Discard, errOut: io.Discard}).root().Find(args)
			if err == nil {
				err = cmd.ParseFlags(rest)
			}
			if err == nil {
				err = cmd.ValidateArgs(cmd.Flags().Args())
			}
			if err != nil {
				t.Errorf("%s set: %s is told %q: %v", name, part, args, err)
			}
		}
	}
}
