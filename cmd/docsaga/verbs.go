package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/user"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/docsaga/docsaga/coordinator/verbs"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/projections"
)

type verbOptions struct {
	verb                verbs.Verb
	actor, reason, step string
	outcome             string
	code, output        string
	plan, dryRun        bool
	expect              int
	filter              projections.Filter
	since, until        string
}

// verbCommands are what an operator can ask of documents.
func (a *app) verbCommands() []*cobra.Command {
	list := []*cobra.Command{
		a.verbCommand(verbs.Cancel, "Stop documents and undo what was done", `Stops running documents: what is open is cancelled, what was done is undone, and
they end cancelled. An incident of a step can be cancelled, too.`),
		a.verbCommand(verbs.Retry, "Try what failed again, where a document waits for a person", `Does a failed step again, as its next visit with what the failed one was given,
or commands a failed undo again.`),
		a.verbCommand(verbs.Resolve, "Say what became of what failed, where a document waits for a person", `Goes on as if the failed step were completed (or rejected, with --outcome
rejected --code CODE), or as if the failed undo were done: by you, by hand.`),
		a.verbCommand(verbs.Compensate, "Give up incidents and undo what was done", `Gives up a failed step that waits for a person: what was done before is undone,
and the document ends failed. With --plan it only prints what would be undone.`),
	}
	return append(list, a.migrateCommand())
}

func (a *app) verbCommand(verb verbs.Verb, short, long string) *cobra.Command {
	o := verbOptions{verb: verb}
	cmd := &cobra.Command{
		Use: string(verb) + " [DOCUMENT...]", Short: short,
		Long: long + `

Names documents, or selects them by filters; then --dry-run shows what would be
done, and --expect says how many documents that must be. The same again changes
nothing. Exit code 5 if it does not fit where a document is.`,
		Example: fmt.Sprintf(`  docsaga %[1]s order-4711 --reason "as Ann asked"
  docsaga %[1]s --state incident --reason-is error --dry-run --reason "disk was full"
  docsaga %[1]s --state incident --reason-is error --expect 17 --reason "disk was full"`, verb),
		RunE: func(cmd *cobra.Command, args []string) error { return a.operate(cmd, o, args) },
	}
	f := cmd.Flags()
	o.flags(f)
	if verb == verbs.Retry || verb == verbs.Resolve {
		f.StringVar(&o.step, "step", "", "which incident, if a document has several")
	}
	if verb == verbs.Resolve {
		f.StringVar(&o.outcome, "outcome", "completed", "of a failed step: completed or rejected")
		f.StringVar(&o.code, "code", "", "the reason code of a rejection")
		f.StringVar(&o.output, "output-json", "", "what the step would have put out, as JSON")
	}
	if verb == verbs.Compensate {
		f.BoolVar(&o.plan, "plan", false, "print what would be undone, and do nothing")
	}
	return cmd
}

// flags are those that all verbs have.
func (o *verbOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.reason, "reason", "", "why; it stands in the log")
	f.StringVar(&o.actor, "actor", "", "who asks; it stands in the log (default the user of this machine)")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be done, and do nothing")
	f.IntVar(&o.expect, "expect", 0, "with filters: how many documents they must select")
	f.StringVar(&o.filter.State, "state", "", "select documents in this state")
	f.StringVar(&o.filter.Reason, "reason-is", "", "select documents that stopped for this reason")
	f.StringVar(&o.filter.Step, "at", "", "select documents that are in, or stopped at, this step")
	f.StringVar(&o.filter.Definition, "definition", "", "select documents of this flow")
	f.StringVar(&o.since, "since", "", "select documents submitted at or after: a time, or how long ago")
	f.StringVar(&o.until, "until", "", "select documents submitted before")
}

// by says who asks, and why.
func (o *verbOptions) by() (events.By, error) {
	by := events.By{Actor: o.actor, Reason: o.reason}
	if o.reason == "" {
		return by, usage("%s: say why with --reason; it stands in the log", o.verb)
	}
	if by.Actor == "" {
		u, err := user.Current()
		if err != nil {
			return by, usage("%s: say who asks with --actor (%w)", o.verb, err)
		}
		by.Actor = u.Username
	}
	return by, nil
}

// command makes the verb's command of the options.
func (o *verbOptions) command() (verbs.Command, error) {
	by, err := o.by()
	if err != nil {
		return verbs.Command{}, err
	}
	c := verbs.Command{Verb: o.verb, Step: events.StepID(o.step), By: by}
	switch o.outcome {
	case "", "completed":
		if o.code != "" {
			return c, usage("--code is of a rejection: give --outcome rejected too")
		}
	case "rejected":
		c.Result, c.Error = events.Rejected, &events.Error{Code: o.code, Message: o.reason}
	default:
		return c, usage("--outcome %q: want completed or rejected", o.outcome)
	}
	if o.output != "" {
		c.Output = json.RawMessage(o.output)
	}
	if err := c.Check(); err != nil {
		return c, usage("%w", err)
	}
	return c, nil
}

// A verbResult is what became of a verb on one document.
type verbResult struct {
	Document events.DocumentID `json:"document"`
	Verb     verbs.Verb        `json:"verb"`
	Event    string            `json:"event,omitempty"`    // its id
	Position *events.Position  `json:"position,omitempty"` // nil of a dry run
	Already  bool              `json:"already"`            // the event stood before
	Error    string            `json:"error,omitempty"`
}

func (a *app) operate(cmd *cobra.Command, o verbOptions, args []string) error {
	filtered, err := o.filters(cmd.Flags(), len(args))
	if err != nil {
		return err
	}
	if o.plan {
		if len(args) != 1 {
			return usage("compensate --plan: name one document")
		}
		return a.withDocument(cmd.Context(), args[0], a.planned)
	}
	c, err := o.command()
	if err != nil {
		return err
	}
	return a.onDocuments(cmd.Context(), o, args, filtered, func(ctx context.Context, sys *system, ids []events.DocumentID) error {
		return a.operateOn(ctx, sys, ids, c, o.dryRun)
	})
}

// onDocuments does something with the documents that are named or selected.
func (a *app) onDocuments(ctx context.Context, o verbOptions, args []string, filtered bool, do func(context.Context, *system, []events.DocumentID) error) error {
	for _, arg := range args {
		if err := events.CheckID(arg); err != nil {
			return usage("document: %w", err)
		}
	}
	return a.connected(ctx, func(ctx context.Context, sys *system) error {
		var ids []events.DocumentID
		for _, arg := range args {
			ids = append(ids, events.DocumentID(arg))
		}
		if filtered {
			var err error
			if ids, err = sys.selected(ctx, o); err != nil {
				return err
			}
		}
		return do(ctx, sys, ids)
	})
}

// filters reports whether documents are selected by filters, and checks that
// they are meant to be.
func (o *verbOptions) filters(f *pflag.FlagSet, named int) (bool, error) {
	filtered := false
	for _, name := range []string{"state", "reason-is", "at", "definition", "since", "until"} {
		filtered = filtered || f.Changed(name)
	}
	var err error
	if o.filter.Since, err = parseTime("since", o.since); err != nil {
		return false, err
	}
	if o.filter.Until, err = parseTime("until", o.until); err != nil {
		return false, err
	}
	switch {
	case filtered && named > 0:
		return false, usage("%s: name documents or select them by filters, not both", o.verb)
	case !filtered && named == 0:
		return false, usage("%s: name a document, or select some by filters", o.verb)
	case filtered && !o.dryRun && !f.Changed("expect"):
		return false, usage("%s: look with --dry-run first, then say with --expect how many documents are meant", o.verb)
	}
	return filtered, nil
}

// selected returns the documents that the filters select.
func (s *system) selected(ctx context.Context, o verbOptions) ([]events.DocumentID, error) {
	store, done, err := s.filled(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	var ids []events.DocumentID
	o.filter.Limit = projections.MaxLimit
	for {
		page, err := store.Documents(ctx, o.filter)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.verb, err)
		}
		for i := range page.Documents {
			ids = append(ids, page.Documents[i].Document)
		}
		if o.filter.Page = page.Next; page.Next == "" {
			break
		}
	}
	if !o.dryRun && len(ids) != o.expect {
		return nil, coded{code: exitConflict, err: fmt.Errorf("%s: the filters select %d documents, not %d; nothing was done", o.verb, len(ids), o.expect)}
	}
	return ids, nil
}

func (a *app) operateOn(ctx context.Context, sys *system, ids []events.DocumentID, c verbs.Command, dryRun bool) error {
	operator := verbs.New(sys.log, sys.catalog)
	act := operator.Do
	if dryRun {
		act = operator.Plan
	}
	var results []verbResult
	var failed error
	for _, id := range ids {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		done, err := act(ctx, id, c)
		r := verbResult{Document: id, Verb: c.Verb, Already: done.Already}
		if err != nil {
			r.Error = err.Error()
			failed = err
		} else {
			r.Event = done.Event.ID()
			if done.Event.Position.Seq > 0 {
				r.Position = &done.Event.Position
			}
		}
		results = append(results, r)
	}
	if failed != nil && len(ids) == 1 {
		return verbError(failed)
	}
	if err := printList(a, results, verbTable); err != nil {
		return err
	}
	a.say("%d documents", len(results))
	if failed != nil {
		return coded{code: exitConflict}
	}
	return nil
}

func verbError(err error) error {
	if errors.Is(err, verbs.ErrUnfit) {
		return coded{code: exitConflict, err: err}
	}
	return err
}

func verbTable(list []verbResult) table {
	t := table{head: []string{"DOCUMENT", "VERB", "EVENT", "POSITION", "RESULT"}}
	for _, r := range list {
		position, result := "-", "done"
		if r.Position != nil {
			position = r.Position.String()
		}
		switch {
		case r.Error != "":
			result = r.Error
		case r.Already:
			result = "stood already"
		case r.Position == nil:
			result = "would be done"
		}
		t.rows = append(t.rows, []string{string(r.Document), string(r.Verb), orElse(r.Event, "-"), position, result})
	}
	return t
}

// planned prints what a compensation would undo.
func (a *app) planned(ctx context.Context, sys *system, id events.DocumentID) error {
	list, err := verbs.New(sys.log, sys.catalog).ToUndo(ctx, id)
	if err != nil {
		return err
	}
	return printList(a, list, func(list []verbs.Undoing) table {
		t := table{head: []string{"STEP", "VISIT", "OUTCOME", "SERVICE"}}
		for _, u := range list {
			t.rows = append(t.rows, []string{string(u.Step), strconv.Itoa(u.Visit), u.Outcome, orElse(u.Service, "-")})
		}
		return t
	})
}
