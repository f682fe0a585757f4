package main

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/admin"
	"github.com/docsaga/docsaga/events/natslog"
)

// who says who changes the system with a command, and why.
type who struct {
	actor, reason string
	command       string // that is run, as the reason if none is given
}

func (w *who) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&w.actor, "actor", "", "who changes the system; it stands in the log (default the user of this machine)")
	cmd.Flags().StringVar(&w.reason, "reason", "", "why; it stands in the log (default the command's name)")
}

// by returns who and why for the log.
func (w *who) by() events.By {
	actor := w.actor
	if actor == "" {
		actor = "uid-" + strconv.Itoa(os.Getuid()) // a container may know no names
		if u, err := user.Current(); err == nil && u.Username != "" {
			actor = u.Username
		}
	}
	return events.By{Actor: actor, Reason: orElse(w.reason, w.command)}
}

// changed notes a change of the system in the log, if it is one.
func (s *system) changed(ctx context.Context, what events.StepID, state any) error {
	_, _, err := admin.Record(ctx, s.log, admin.Change{What: what, State: state, By: s.app.who.by()})
	return err
}

// settingsState is what is said of a log's settings.
func settingsState(c natslog.Config) map[string]any {
	return map[string]any{"shards": c.Shards, "replicas": c.Replicas, "durability": c.Durability}
}

// configured notes who may use the HTTP API, and what it accepts, if that is
// not what it was.
func (s *system) configured(ctx context.Context, keys api.Keys) error {
	type key struct {
		Name   string   `json:"name"`
		Role   api.Role `json:"role"`
		Groups []string `json:"groups,omitempty"`
		Mark   string   `json:"mark"` // tells a key from the one before it of that name
	}
	list := make([]key, 0, len(keys)) // no secrets, nor their digests
	for _, k := range keys {
		list = append(list, key{k.Name, k.Role, k.Groups, strings.ToLower(k.Hash[:8])})
	}
	if err := s.changed(ctx, admin.Keys, list); err != nil {
		return err
	}
	if err := s.trusted(ctx); err != nil {
		return err
	}
	return s.changed(ctx, admin.Limits, map[string]int64{"maxBytes": s.app.settings.maxBytes})
}

func (a *app) auditChanges() *cobra.Command {
	return &cobra.Command{
		Use:   "changes",
		Short: "Show who changed the system itself: deployments, settings, keys, limits",
		Long: `Prints the changes of the system in the order of the log: definitions deployed,
the log made, keys of the HTTP API given or taken, limits, signers, archives.
They are events like any other, of the document docsaga-admin, so that replay,
history and the proofs of audit cover them.`,
		Example: "  docsaga audit changes\n  docsaga history docsaga-admin -o json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.connected(cmd.Context(), func(ctx context.Context, sys *system) error {
				history, err := sys.log.History(ctx, events.DocumentAdmin)
				if err != nil {
					return fmt.Errorf("changes: %w", err)
				}
				return printList(a, history, changesTable)
			})
		},
	}
}

func changesTable(history []events.Event) table {
	t := table{head: []string{"POSITION", "WHEN", "WHAT", "OF", "WHO", "WHY", "NOW"}}
	for i := range history {
		e := &history[i]
		d, err := events.ParseData(e.Data)
		if err != nil || d.By == nil {
			d.By = &events.By{Actor: "?"}
		}
		of := events.DefinitionRef{Name: e.Slot.Definition, Version: e.Slot.Version}.String()
		if e.Slot.Step != admin.Definition {
			of = "-"
		}
		t.rows = append(t.rows, []string{
			e.Position.String(), e.At.Local().Format(time.DateTime), string(e.Slot.Step), of,
			printable(d.By.Actor), printable(d.By.Reason), printable(string(d.Output)),
		})
	}
	return t
}
