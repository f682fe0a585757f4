package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/docsaga/docsaga/coordinator/verbs"
	"github.com/docsaga/docsaga/events"
)

// migrateCommand lets documents go on in another version of their flow.
func (a *app) migrateCommand() *cobra.Command {
	o := verbOptions{verb: "migrate"}
	to := 0
	cmd := &cobra.Command{
		Use: "migrate [DOCUMENT...]", Short: "Let documents go on in another version of their flow",
		Long: `Documents finish on the version that they came with. This lets running ones, or
ones that wait for a person, go on in another version, if their open steps exist
there: what is open goes on, timers keep their time, and what was done is undone
as the new version says, if it must be. A step that a service is at work on is
done again. With --dry-run it says what would go on as what, and what is in the way.

Names documents, or selects them by filters; then --expect says how many
documents that must be. Exit code 5 if something is in the way of one.`,
		Example: `  docsaga migrate order-4711 --to 3 --reason "parser repaired" --dry-run
  docsaga migrate order-4711 --to 3 --reason "parser repaired"
  docsaga migrate --definition orders --state incident --to 3 --expect 17 --reason "parser repaired"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if to < 1 {
				return usage("migrate: say with --to which version")
			}
			filtered, err := o.filters(cmd.Flags(), len(args))
			if err != nil {
				return err
			}
			by, err := o.by()
			if err != nil {
				return err
			}
			return a.onDocuments(cmd.Context(), o, args, filtered, func(ctx context.Context, sys *system, ids []events.DocumentID) error {
				return a.migrate(ctx, sys, ids, verbs.Move{To: to, By: by}, o.dryRun)
			})
		},
	}
	o.flags(cmd.Flags())
	cmd.Flags().IntVar(&to, "to", 0, "the version to go on in")
	return cmd
}

// A migrated is what became of the migration of one document.
type migrated struct {
	verbs.Moved
	Event string `json:"event,omitempty"`
	Error string `json:"error,omitempty"`
	did   bool
}

func (a *app) migrate(ctx context.Context, sys *system, ids []events.DocumentID, m verbs.Move, dryRun bool) error {
	operator := verbs.New(sys.log, sys.catalog)
	act := operator.Move
	if dryRun {
		act = operator.PlanMove
	}
	var results []migrated
	var failed error
	for _, id := range ids {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		moved, err := act(ctx, id, m)
		r := migrated{Moved: moved, did: !dryRun}
		switch {
		case err != nil:
			r.Error, failed = err.Error(), err
		case len(moved.Obstacles) > 0:
			failed = verbs.ErrUnfit
		case !moved.Already:
			r.Event = moved.Event.ID()
		}
		results = append(results, r)
	}
	if failed != nil && len(ids) == 1 && !dryRun {
		return verbError(failed)
	}
	if err := printList(a, results, migratedTable); err != nil {
		return err
	}
	a.say("%d documents", len(results))
	if failed != nil {
		return coded{code: exitConflict}
	}
	return nil
}

func migratedTable(list []migrated) table {
	t := table{head: []string{"DOCUMENT", "FROM", "TO", "GOES ON", "RESULT"}}
	for _, r := range list {
		var carried, said []string
		for _, c := range r.Carried {
			carried = append(carried, fmt.Sprintf("%s.%d as %d", c.Step, c.Visit, c.As))
		}
		for _, o := range r.Obstacles {
			said = append(said, strings.TrimPrefix(fmt.Sprintf("%s.%d: %s", o.Step, o.Visit, o.Message), ".0: "))
		}
		switch {
		case r.Error != "" && len(said) == 0:
			said = []string{r.Error}
		case len(said) > 0:
		case r.Already:
			said = []string{"stood already"}
		case r.did:
			said = append([]string{"done"}, r.Notes...)
		default:
			said = append([]string{"would be done"}, r.Notes...)
		}
		t.rows = append(t.rows, []string{
			string(r.Document), strconv.Itoa(r.From), strconv.Itoa(r.To), orElse(strings.Join(carried, ", "), "-"), strings.Join(said, "; "),
		})
	}
	return t
}
