package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/docsaga/docsaga/coordinator/tasks"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/projections"
)

type taskOptions struct {
	actor  string
	groups []string
	visit  int
	data   string
	reject string
	reason string
	mine   bool
}

func (a *app) tasksCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tasks",
		Short: "List, claim and complete what waits for a person",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.tasksList(), a.tasksClaim(), a.tasksRelease(), a.tasksComplete())
	return cmd
}

func (o *taskOptions) flags(cmd *cobra.Command, visit bool) {
	f := cmd.Flags()
	f.StringVar(&o.actor, "actor", "", "who does it; it stands in the log (default the user of this machine)")
	f.StringSliceVar(&o.groups, "group", nil, "a group that the actor is in")
	if visit {
		f.IntVar(&o.visit, "visit", 0, "which visit of the step, if several are open")
	}
}

func (o *taskOptions) who() (tasks.Actor, error) {
	if o.actor == "" {
		u, err := user.Current()
		if err != nil {
			return tasks.Actor{}, usage("say who does it with --actor (%w)", err)
		}
		o.actor = u.Username
	}
	return tasks.Actor{Name: o.actor, Groups: o.groups}, nil
}

func (a *app) tasksList() *cobra.Command {
	var o taskOptions
	cmd := &cobra.Command{
		Use:   "list [DOCUMENT...]",
		Short: "List the open tasks of all documents, or of some",
		Example: `  docsaga tasks list
  docsaga tasks list --mine --actor ann --group accounting
  docsaga tasks list order-4711 -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			who, err := o.who()
			if err != nil {
				return err
			}
			return a.connected(cmd.Context(), func(ctx context.Context, sys *system) error {
				list, err := sys.openTasks(ctx, args)
				if err != nil {
					return err
				}
				if o.mine {
					list = slices.DeleteFunc(list, func(t tasks.Task) bool { return !t.May(who) || t.Claim != nil && t.Claim.By != who.Name })
				}
				return printList(a, list, taskTable)
			})
		},
	}
	o.flags(cmd, false)
	cmd.Flags().BoolVar(&o.mine, "mine", false, "only what the actor may do and nobody else has claimed")
	return cmd
}

// openTasks returns the open tasks of the named documents, or of all.
func (s *system) openTasks(ctx context.Context, named []string) ([]tasks.Task, error) {
	desk, err := s.desk(ctx)
	if err != nil {
		return nil, err
	}
	ids := make([]events.DocumentID, 0, len(named))
	for _, id := range named {
		ids = append(ids, events.DocumentID(id))
	}
	if len(named) == 0 {
		if ids, err = s.openDocuments(ctx); err != nil {
			return nil, err
		}
	}
	list := []tasks.Task{}
	for _, id := range ids {
		open, err := desk.Open(ctx, id)
		if err != nil {
			return nil, err
		}
		list = append(list, open...)
	}
	return list, nil
}

// openDocuments returns the documents that have not ended and whose definition
// needs people.
func (s *system) openDocuments(ctx context.Context) ([]events.DocumentID, error) {
	store, done, err := s.filled(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	var ids []events.DocumentID
	for _, state := range []string{"running", "compensating", "incident"} {
		filter := projections.Filter{State: state, Limit: projections.MaxLimit}
		for {
			page, err := store.Documents(ctx, filter)
			if err != nil {
				return nil, fmt.Errorf("tasks: %w", err)
			}
			for i := range page.Documents {
				d, err := s.catalog.Get(ctx, page.Documents[i].Definition, page.Documents[i].Version)
				if err != nil {
					return nil, fmt.Errorf("tasks: %w", err)
				}
				if tasks.NeedsPeople(d) {
					ids = append(ids, page.Documents[i].Document)
				}
			}
			if filter.Page = page.Next; page.Next == "" {
				break
			}
		}
	}
	return ids, nil
}

func (s *system) desk(ctx context.Context) (*tasks.Desk, error) {
	claims, err := s.log.Claims(ctx)
	if err != nil {
		return nil, fmt.Errorf("tasks: %w", err)
	}
	return tasks.New(s.log, s.catalog, claims), nil
}

func taskTable(list []tasks.Task) table {
	t := table{head: []string{"DOCUMENT", "STEP", "VISIT", "NAME", "FOR", "CLAIMED BY", "DUE", "SINCE"}}
	for _, task := range list {
		claimed, due, name := "-", "-", task.Name
		if task.Claim != nil {
			claimed = task.Claim.By
		}
		if task.Due != nil {
			due = task.Due.Format(time.RFC3339)
		}
		if task.Undo {
			name = "undo " + name
		}
		t.rows = append(t.rows, []string{
			string(task.Document), string(task.Step), strconv.Itoa(task.Visit), orElse(name, "-"), forWhom(&task),
			claimed, due, task.Since.Format(time.RFC3339),
		})
	}
	return t
}

func forWhom(t *tasks.Task) string {
	switch {
	case t.Problem != "":
		return "nobody: " + t.Problem
	case t.Assignee != "":
		return t.Assignee
	case len(t.Users)+len(t.Groups) == 0:
		return "anybody"
	}
	return strings.Join(append(slices.Clone(t.Users), t.Groups...), ", ")
}

// onTask makes a command about one task.
func (a *app) onTask(o *taskOptions, cmd *cobra.Command, do func(context.Context, *tasks.Desk, tasks.Ref, tasks.Actor) error) *cobra.Command {
	cmd.Use += " DOCUMENT STEP"
	cmd.Args = cobra.ExactArgs(2)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		who, err := o.who()
		if err != nil {
			return err
		}
		ref := tasks.Ref{Document: events.DocumentID(args[0]), Step: events.StepID(args[1]), Visit: o.visit}
		return a.connected(cmd.Context(), func(ctx context.Context, sys *system) error {
			desk, err := sys.desk(ctx)
			if err != nil {
				return err
			}
			return taskError(do(ctx, desk, ref, who))
		})
	}
	o.flags(cmd, true)
	return cmd
}

// taskError gives the errors of tasks their exit codes.
func taskError(err error) error {
	switch {
	case errors.Is(err, tasks.ErrNotAllowed):
		return coded{code: exitNotAllowed, err: err}
	case errors.Is(err, tasks.ErrBadForm):
		return coded{code: exitFailed, err: err}
	case errors.Is(err, tasks.ErrNotOpen):
		return coded{code: exitConflict, err: err}
	}
	return err
}

func (a *app) tasksClaim() *cobra.Command {
	o := new(taskOptions)
	return a.onTask(o, &cobra.Command{
		Use: "claim", Short: "Keep others from a task while you are at work on it",
		Example: "  docsaga tasks claim order-4711 approve --actor ann --group accounting",
	}, func(ctx context.Context, desk *tasks.Desk, ref tasks.Ref, who tasks.Actor) error {
		t, err := desk.Claim(ctx, ref, who)
		if err != nil {
			return err
		}
		return printList(a, []tasks.Task{t}, taskTable)
	})
}

func (a *app) tasksRelease() *cobra.Command {
	o := new(taskOptions)
	return a.onTask(o, &cobra.Command{Use: "release", Short: "Give a claimed task back", Example: "  docsaga tasks release order-4711 approve"},
		func(ctx context.Context, desk *tasks.Desk, ref tasks.Ref, who tasks.Actor) error {
			return desk.Release(ctx, ref, who)
		})
}

func (a *app) tasksComplete() *cobra.Command {
	o := new(taskOptions)
	cmd := a.onTask(o, &cobra.Command{
		Use: "complete", Short: "Say that a task is done, with the data of its form",
		Long: `Writes the outcome of a task, with who did it. The data must fit the task's JSON
Schema, if it has one. Exit code 1 if it does not, 4 if the task is for others,
5 if it is not open or somebody else has it.`,
		Example: `  docsaga tasks complete order-4711 approve --data '{"approved":true}'
  docsaga tasks complete order-4711 approve --reject too-dear --reason "over budget"`,
	}, func(ctx context.Context, desk *tasks.Desk, ref tasks.Ref, who tasks.Actor) error {
		form := tasks.Form{Reject: o.reject, Reason: o.reason}
		if o.data != "" {
			form.Output = json.RawMessage(o.data)
		}
		e, err := desk.Complete(ctx, ref, who, form)
		if err != nil {
			return err
		}
		return printOne(a, e, func(e events.Event) error {
			_, err := fmt.Fprintf(a.out, "%s stands at %v\n", e.Type(), e.Position)
			return err
		})
	})
	cmd.Flags().StringVar(&o.data, "data", "", "what the form gives, as JSON")
	cmd.Flags().StringVar(&o.reject, "reject", "", "a business no, with this code")
	cmd.Flags().StringVar(&o.reason, "reason", "", "why; it stands in the log")
	return cmd
}
