package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/docsaga/docsaga/events"
)

func (a *app) definitionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "definition",
		Short: "Check, deploy and show flows drawn in BPMN",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.definitionCheck(), a.definitionRun(), a.definitionDiff(), a.definitionDeploy(), a.definitionList(), a.definitionGet(), a.definitionReplay())
	return cmd
}

func (a *app) definitionDeploy() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deploy FILE",
		Short: "Deploy a flow as the next version of its name",
		Long: `Checks a BPMN file and stores it. Every service that takes part knows its cues
before the version takes a document. Documents that are under way finish on
their own version. The same drawing again is the same version. Who deployed it,
and why, stands in the log; see docsaga audit changes.`,
		Example: `  docsaga definition deploy flow.bpmn --reason "the limit is 10,000 now"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			drawn, err := drawing(args[0])
			if err != nil {
				return err
			}
			if _, err := sound(args[0], drawn); err != nil {
				return err
			}
			return a.connected(cmd.Context(), func(ctx context.Context, sys *system) error {
				d, err := sys.deploy(ctx, drawn)
				if err != nil {
					return err
				}
				return printOne(a, events.DefinitionRef{Name: d.Name, Version: d.Version}, func(r events.DefinitionRef) error {
					_, err := fmt.Fprintf(a.out, "%s version %d is deployed\n", r.Name, r.Version)
					return err
				})
			})
		},
	}
	a.who.add(cmd)
	return cmd
}

func (a *app) definitionList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the flows that are deployed", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.connected(cmd.Context(), func(ctx context.Context, sys *system) error {
				refs, err := sys.log.Definitions(ctx)
				if err != nil {
					return fmt.Errorf("definitions: %w", err)
				}
				return printList(a, refs, func(refs []events.DefinitionRef) table {
					t := table{head: []string{"NAME", "VERSION"}}
					for _, r := range refs {
						t.rows = append(t.rows, []string{r.Name, strconv.Itoa(r.Version)})
					}
					return t
				})
			})
		},
	}
}

func (a *app) definitionGet() *cobra.Command {
	return &cobra.Command{
		Use:     "get NAME[@VERSION]",
		Short:   "Print the BPMN of a deployed flow, by default its latest version",
		Example: "  docsaga definition get pdf-validation@1 > flow.bpmn",
		Args:    cobra.ExactArgs(1),

		ValidArgsFunction: a.completeDefinition(),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, number, given := strings.Cut(args[0], "@")
			version, err := strconv.Atoi(number)
			if given && (err != nil || version < 1) {
				return usage("%q: want NAME or NAME@VERSION, such as pdf-validation@1", args[0])
			}
			return a.connected(cmd.Context(), func(ctx context.Context, sys *system) error {
				if !given {
					d, err := sys.catalog.Latest(ctx, name)
					if err != nil {
						return fmt.Errorf("definition: %w", err)
					}
					version = d.Version
				}
				drawn, err := sys.log.Definition(ctx, name, version)
				if errors.Is(err, events.ErrNotFound) {
					return fmt.Errorf("definition %s version %d is not deployed: %w", name, version, err)
				}
				if err != nil {
					return fmt.Errorf("definition: %w", err)
				}
				_, err = a.out.Write(drawn)
				return err
			})
		},
	}
}

// connected runs do with a connection to the log.
func (a *app) connected(ctx context.Context, do func(context.Context, *system) error) error {
	sys, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer sys.close()
	return do(ctx, sys)
}
