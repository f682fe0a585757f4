package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/bpmn"
	"github.com/docsaga/docsaga/saga/dryrun"
	"github.com/docsaga/docsaga/saga/feel"
)

func (a *app) definitionCheck() *cobra.Command {
	var explain bool
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Say whether a flow can run, what is odd about it, and which hops are direct",
		Long: `Reads a BPMN file and prints what is wrong or odd, with element id and line, and
the flow's hops: direct (the services hand the document on by themselves), by
history (they read the document's events first) or coordinated (a coordinator
decides). Exit code 1 if the flow cannot run.`,
		Example: "  docsaga definition check flow.bpmn --explain",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			drawn, err := drawing(args[0])
			if err != nil {
				return err
			}
			r := bpmn.Check(drawn)
			if !explain {
				r.Explain = ""
			}
			if err := printOne(a, r, a.showCheck); err != nil {
				return err
			}
			if !r.Sound {
				return coded{code: exitFailed, err: fmt.Errorf("%s cannot run", args[0])}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&explain, "explain", false, "tell the flow in prose")
	return cmd
}

func (a *app) showCheck(r bpmn.Report) error {
	for _, f := range r.Findings {
		_, _ = fmt.Fprintln(a.out, printable(f.String()))
	}
	if r.Explain != "" {
		_, _ = fmt.Fprintln(a.out, strings.TrimSpace(r.Explain)+"\n")
	}
	if len(r.Hops) == 0 {
		return nil
	}
	return printList(a, r.Hops, func(list []bpmn.Hop) table {
		t := table{head: []string{"FROM", "TO", "HOP", "GUARDED"}}
		for _, h := range list {
			t.rows = append(t.rows, []string{h.From, h.To, h.Reach, yesNo(h.Guarded)})
		}
		return t
	})
}

// sound returns a drawing's definition, or an error that names all that is
// wrong.
func sound(path string, drawn []byte) (*saga.Definition, error) {
	r := bpmn.Check(drawn)
	if err := r.Err(); err != nil {
		return nil, coded{code: exitFailed, err: fmt.Errorf("%s cannot run: %w", path, err)}
	}
	return r.Definition, nil
}

func (a *app) definitionRun() *cobra.Command {
	var variables, script string
	cmd := &cobra.Command{
		Use:   "run FILE",
		Short: "Run a flow dry: no services, a clock that jumps",
		Long: `Goes through a flow without services: service and user tasks complete at once,
with the output that the script gives them or none, timers go off by
themselves, messages come from the script or, without one, by themselves.

The script is a JSON file:
  {"start": "ordered",
   "steps": {"charge": [{"output": {"paid": true}}, {"reject": "no-money"}]},
   "messages": [{"name": "paid", "key": "order-1", "data": {}}], "signals": []}

Of several start events the document begins at the one that "start" names, or
else at the plain one. The exit code is 0 if the document ended completed, otherwise 1.`,
		Example: `  docsaga definition run flow.bpmn --variables '{"amount": 120}' -o json`,
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			result, err := dryRun(args[0], variables, script)
			if err != nil {
				return err
			}
			if err := printOne(a, result, a.showDryRun); err != nil {
				return err
			}
			if result.State != "completed" {
				return coded{code: exitFailed}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&variables, "variables", "", "what is submitted, a JSON object")
	cmd.Flags().StringVar(&script, "script", "", "file that says what steps put out and which messages come")
	return cmd
}

func dryRun(path, variables, script string) (dryrun.Result, error) {
	drawn, err := drawing(path)
	if err != nil {
		return dryrun.Result{}, err
	}
	d, err := sound(path, drawn)
	if err != nil {
		return dryrun.Result{}, err
	}
	o := dryrun.Options{Definitions: make(map[string]*saga.Definition)}
	if variables != "" {
		var object map[string]json.RawMessage
		if err := json.Unmarshal([]byte(variables), &object); err != nil {
			return dryrun.Result{}, usage("--variables: want a JSON object: %w", err)
		}
		o.Variables = json.RawMessage(variables)
	}
	if script != "" {
		raw, err := os.ReadFile(script)
		if err != nil {
			return dryrun.Result{}, fmt.Errorf("--script: %w", err)
		}
		o.Script = new(dryrun.Script)
		if err := json.Unmarshal(raw, o.Script); err != nil {
			return dryrun.Result{}, usage("--script %s: %w", script, err)
		}
	}
	names, err := bpmn.Processes(drawn)
	if err != nil {
		return dryrun.Result{}, fmt.Errorf("%s: %w", path, err)
	}
	for _, name := range names {
		if other, err := bpmn.ParseProcess(drawn, name, 1); err == nil {
			o.Definitions[name] = other
		}
	}
	result, err := dryrun.Run(d, o)
	if errors.Is(err, dryrun.ErrNoStart) {
		return result, usage("--script %s: %w", script, err)
	}
	if err != nil {
		return result, coded{code: exitFailed, err: fmt.Errorf("%s: %w", path, err)}
	}
	return result, nil
}

func (a *app) showDryRun(r dryrun.Result) error {
	_, _ = fmt.Fprintf(a.out, "state  %s\n", r.State)
	if r.Reason != "" {
		_, _ = fmt.Fprintf(a.out, "reason %s\n", printable(r.Reason))
	}
	_, err := fmt.Fprintf(a.out, "trace  %s\n", strings.Join(r.Trace, " "))
	if len(r.Undone) > 0 {
		_, err = fmt.Fprintf(a.out, "undone %s\n", strings.Join(r.Undone, " "))
	}
	return err
}

func (a *app) feelCommand() *cobra.Command {
	var context string
	var unary bool
	cmd := &cobra.Command{
		Use:   "feel EXPR",
		Short: "Evaluate a FEEL expression and print its value as JSON",
		Example: `  docsaga feel 'sum(for i in items return i.price * i.count)' --context '{"items": [{"price": 2.5, "count": 4}]}'
  docsaga feel --unary '[1..10]' --context '{"?": 7}'`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			value, err := evaluate(args[0], context, unary)
			if err != nil {
				return coded{code: exitFailed, err: err}
			}
			_, err = fmt.Fprintln(a.out, string(value))
			return err
		},
	}
	cmd.Flags().StringVar(&context, "context", "{}", "what its names stand for, a JSON object")
	cmd.Flags().BoolVar(&unary, "unary", false, "the expression is a list of unary tests of ?")
	return cmd
}

func evaluate(source, names string, unary bool) (json.RawMessage, error) {
	value, err := feel.FromJSON([]byte(names))
	if err != nil {
		return nil, fmt.Errorf("--context: %w", err)
	}
	scope, ok := value.(feel.Context)
	if !ok {
		return nil, errors.New("--context: want a JSON object")
	}
	parse := feel.Parse
	if unary {
		parse = feel.ParseUnaryTests
	}
	expr, err := parse(strings.TrimPrefix(source, "="))
	if err != nil {
		return nil, err
	}
	result, err := expr.Eval(scope, feel.Limits{Now: time.Now()})
	if err != nil {
		return nil, err
	}
	return feel.ToJSON(result)
}

func (a *app) definitionDiff() *cobra.Command {
	return &cobra.Command{
		Use:     "diff OLD.bpmn NEW.bpmn",
		Short:   "Show which steps and hops two drawings differ in",
		Example: "  docsaga definition diff old.bpmn new.bpmn -o json",
		Args:    cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			var lines [2][]string
			for i, path := range args {
				drawn, err := drawing(path)
				if err != nil {
					return err
				}
				d, err := sound(path, drawn)
				if err != nil {
					return err
				}
				lines[i] = describe(d)
			}
			var list []difference
			for _, line := range lines[0] {
				if !slices.Contains(lines[1], line) {
					list = append(list, difference{Change: "removed", What: line})
				}
			}
			for _, line := range lines[1] {
				if !slices.Contains(lines[0], line) {
					list = append(list, difference{Change: "added", What: line})
				}
			}
			return printList(a, list, func(list []difference) table {
				t := table{head: []string{"CHANGE", "WHAT"}}
				for _, x := range list {
					t.rows = append(t.rows, []string{x.Change, x.What})
				}
				return t
			})
		},
	}
}

// A difference is a line of what definition diff prints.
type difference struct {
	Change string `json:"change"` // added or removed
	What   string `json:"what"`
}

// describe returns a line for each step and hop of a definition.
func describe(d *saga.Definition) []string {
	var lines []string
	for i := range d.Nodes {
		lines = append(lines, describeNode(&d.Nodes[i]))
	}
	for _, h := range d.Hops() {
		lines = append(lines, fmt.Sprintf("hop %s to %s, %s", h.From, h.To, h.Reach))
	}
	for _, f := range d.Flows {
		if f.Guard != nil {
			lines = append(lines, fmt.Sprintf("condition of %s: %s", f.ID, f.Guard))
		}
	}
	return lines
}

func describeNode(n *saga.Node) string {
	var b strings.Builder
	b.WriteString(n.Kind.String() + " " + string(n.ID))
	if n.Service != "" {
		fmt.Fprintf(&b, " by %s, retries %d, timeout %s", n.Service, n.Retries, n.Timeout)
	}
	if n.Undo != nil {
		b.WriteString(", undone by " + n.Undo.Service)
	}
	for _, in := range n.Inputs {
		fmt.Fprintf(&b, ", %s from %s", in.Target, in.Source)
	}
	return b.String()
}
