package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/docsaga/docsaga/projections"
)

// completeWithin is how long a shell waits for names from the server.
const completeWithin = 2 * time.Second

// A completion returns the words that a word's beginning may become.
type completion = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective)

// completed returns a completion by what the server knows. Without a server
// there are no words, and no error on the screen either.
func (a *app) completed(words func(ctx context.Context, sys *system, begun string) ([]string, error)) completion {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 || a.configure(cmd) != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completeWithin)
		defer cancel()
		var list []string
		err := a.connected(ctx, func(ctx context.Context, sys *system) error {
			all, err := words(ctx, sys, begun)
			for _, word := range all {
				if strings.HasPrefix(word, begun) {
					list = append(list, word)
				}
			}
			return err
		})
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return list, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeDocument completes the id of a document.
func (a *app) completeDocument() completion {
	return a.completed(func(ctx context.Context, sys *system, begun string) ([]string, error) {
		store, done, err := sys.filled(ctx)
		if err != nil {
			return nil, err
		}
		defer done()
		page, err := store.Documents(ctx, projections.Filter{Text: begun, Limit: 50})
		var ids []string
		for _, d := range page.Documents {
			ids = append(ids, string(d.Document))
		}
		return ids, err
	})
}

// completeDefinition completes the name of a definition.
func (a *app) completeDefinition() completion {
	return a.completed(func(ctx context.Context, sys *system, _ string) ([]string, error) {
		refs, err := sys.log.Definitions(ctx)
		var names []string
		for _, ref := range refs {
			if len(names) == 0 || names[len(names)-1] != ref.Name {
				names = append(names, ref.Name)
			}
		}
		return names, err
	})
}
