package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/goccy/go-yaml"
)

// A table is data with columns for people.
type table struct {
	head []string
	rows [][]string
}

// printList writes a list: as a table for people, or the values themselves.
func printList[T any](a *app, list []T, columns func([]T) table) error {
	switch a.settings.output {
	case "json":
		if list == nil {
			list = []T{}
		}
		return a.printJSON(list)
	case "jsonl":
		enc := json.NewEncoder(a.out)
		enc.SetEscapeHTML(false)
		for _, v := range list {
			if err := enc.Encode(v); err != nil {
				return fmt.Errorf("print: %w", err)
			}
		}
		return nil
	case "yaml":
		return a.printYAML(list)
	}
	t := columns(list)
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, strings.Join(t.head, "\t"))
	for _, row := range t.rows {
		for i := range row {
			row[i] = printable(row[i])
		}
		_, _ = fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// printOne writes one value: for people by show, or the value itself.
func printOne[T any](a *app, v T, show func(T) error) error {
	switch a.settings.output {
	case "json":
		return a.printJSON(v)
	case "jsonl":
		return printList(a, []T{v}, nil)
	case "yaml":
		return a.printYAML(v)
	}
	return show(v)
}

func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// printYAML goes through JSON, so that names and times are the same.
func (a *app) printYAML(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	text, err := yaml.JSONToYAML(raw)
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	_, err = a.out.Write(text)
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// printable replaces control characters, which could rewrite a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, s)
}

func (a *app) say(format string, args ...any) {
	_, _ = fmt.Fprintf(a.errOut, format+"\n", args...)
}
