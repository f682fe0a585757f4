package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// A finding is one line of doctor.
type finding struct {
	Part   string `json:"part"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

func (a *app) doctorCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Show what is in force and check each part",
		Long: `Prints the settings that are in force, durability included, and checks the
connection, the log's settings, the definitions and the databases. Exit code 1
if anything is wrong; with --format nagios 2.`,
		Example: "  docsaga doctor --nats nats://nats:4222 --format nagios",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "text" && format != "json" && format != "nagios" {
				return usage("--format %q: want text, json or nagios", format)
			}
			return a.doctor(cmd.Context(), format)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text, json or nagios")
	return cmd
}

func (a *app) doctor(ctx context.Context, format string) error {
	findings := a.examine(ctx)
	var bad []string
	for _, f := range findings {
		if !f.OK {
			bad = append(bad, f.Part+": "+f.Detail)
		}
	}
	switch {
	case format == "nagios" && len(bad) > 0:
		_, _ = fmt.Fprintln(a.out, "DOCSAGA CRITICAL - "+strings.Join(bad, "; "))
		return coded{code: exitUsage} // what Nagios takes for critical
	case format == "nagios":
		_, _ = fmt.Fprintf(a.out, "DOCSAGA OK - %d checks\n", len(findings))
		return nil
	case format == "json":
		a.settings.output = "json"
	}
	err := printList(a, findings, func(list []finding) table {
		t := table{head: []string{"PART", "OK", "DETAIL"}}
		for _, f := range list {
			t.rows = append(t.rows, []string{f.Part, yesNo(f.OK), f.Detail})
		}
		return t
	})
	if err == nil && len(bad) > 0 {
		return coded{code: exitFailed}
	}
	return err
}

// examine checks each part; what cannot be reached stops what rests on it.
func (a *app) examine(ctx context.Context) []finding {
	var list []finding
	add := func(part string, err error, detail string, args ...any) bool {
		f := finding{Part: part, OK: err == nil, Detail: fmt.Sprintf(detail, args...)}
		if err != nil {
			f.Detail = err.Error()
		}
		list = append(list, f)
		return err == nil
	}
	add("version", nil, "%s", version())
	sys, err := a.connect(ctx)
	if !add("nats", err, "%s", redacted(a.settings.nats)) {
		return list
	}
	defer sys.close()
	conf := sys.log.Config()
	add("log", sys.log.CheckSettings(ctx), "%d shards, %d replicas, settings as they must be", conf.Shards, conf.Replicas)
	add("durability", nil, "%s", conf.Durability)
	var total uint64
	var errs []error
	for shard := range sys.log.Shards() {
		last, err := sys.log.Last(ctx, shard)
		total += last
		errs = append(errs, err)
	}
	add("events", errors.Join(errs...), "%d", total)
	waiting, err := sys.log.Waiting(ctx)
	if err == nil {
		err = sys.gate().Check(ctx, 0)
	}
	add("queues", err, "%s", fullest(waiting))
	refs, err := sys.log.Definitions(ctx)
	if err == nil && len(refs) == 0 {
		err = errors.New("none is deployed: docsaga definition deploy FILE")
	}
	add("definitions", err, "%d versions", len(refs))
	for part, url := range map[string]string{"records": sys.recordsURL(), "status": sys.statusURL()} {
		if isURL(url) {
			continue
		}
		_, err := os.Stat(url)
		if errors.Is(err, os.ErrNotExist) {
			add(part, nil, "%s: not on this machine yet", url)
			continue
		}
		add(part, err, "%s", url)
	}
	return list
}

// fullest says for which service most documents wait.
func fullest(waiting map[string]uint64) string {
	most := ""
	for queue, n := range waiting {
		if n > 0 && (most == "" || n > waiting[most] || n == waiting[most] && queue < most) {
			most = queue
		}
	}
	if most == "" {
		return "nothing waits"
	}
	return fmt.Sprintf("most wait for %s: %d", most, waiting[most])
}

// version returns the version that the binary was built with.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
