//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// line tells a result in one line.
func (r *result) line() string {
	s := fmt.Sprintf("%-20s %5d documents, %5d accepted, %5d ended, %d lost, %d doubled, %d breaches, bit %d times, recovered in %s",
		r.name, r.documents, r.accepted, r.ended, r.lost, r.doubled, r.breaches, r.bites, r.seconds())
	if r.reads > 0 {
		s += fmt.Sprintf(", %d answers compared", r.reads)
	}
	if r.aside > 0 {
		s += fmt.Sprintf(", what killed its worker was put aside in %.1fs", r.aside.Seconds())
	}
	if r.refused > 0 {
		s += fmt.Sprintf(", %d refused as busy", r.refused)
	}
	if r.harmed > 0 {
		s += fmt.Sprintf(", %d HARMED beside it", r.harmed)
	}
	if r.skipped != "" {
		return fmt.Sprintf("%-20s LEFT OUT: %s", r.name, r.skipped)
	}
	if r.first != "" {
		s += "\n    " + r.first
	}
	if r.err != nil {
		s += "\n    " + r.err.Error()
	}
	return s
}

func (r *result) seconds() string {
	if r.recovered < 0 {
		return "never"
	}
	return fmt.Sprintf("%.1fs", r.recovered.Seconds())
}

// ok reports whether docsaga kept its word and the fault bit.
func (r *result) ok() bool {
	if r.loses {
		return r.err == nil && r.caught[1] > 0 && r.bites > 0
	}
	return r.err == nil && r.breaches == 0 && r.lost == 0 && r.harmed == 0 && r.bites > 0 && r.accepted > 0 && r.recovered >= 0 && r.recovered < patienceAtEnd
}

// invariants returns which invariants were breached.
func (r *result) invariants() string {
	var list []int
	for i := range r.caught {
		list = append(list, i)
	}
	slices.Sort(list)
	return strings.Trim(fmt.Sprint(list), "[]")
}

// printTable writes the results, and reports whether all are as they must be.
func printTable(w io.Writer, results []result, bugs bool) bool {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprint(t, "fault\tbit\tdocuments\taccepted\tended\tlost\tdoubled\tbreaches\tof invariants\trecovered\t\t\n")
	all := true
	var sum result
	for i := range results {
		r := &results[i]
		ok, word := r.ok(), "ok"
		if bugs {
			ok, word = r.err == nil && r.caught[r.invariant] > 0 && r.bites > 0, fmt.Sprintf("caught by %d", r.invariant)
		}
		switch {
		case r.skipped != "":
			ok, word = true, "LEFT OUT: "+r.skipped
		case r.err != nil:
			word = "ERROR"
		case !ok && r.bites == 0:
			word = "INVALID: did not bite"
		case !ok && bugs:
			word = fmt.Sprintf("NOT CAUGHT by %d", r.invariant)
		case !ok:
			word = "BROKEN"
		}
		if r.loses && ok {
			word = "ok: it loses, which 1 catches"
		}
		all = all && ok
		_, _ = fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\t\n",
			r.name, r.bites, r.documents, r.accepted, r.ended, r.lost, r.doubled, r.breaches, r.invariants(), r.seconds(), word)
		if r.loses {
			continue // what it loses is what it is there to show
		}
		sum.documents, sum.accepted, sum.ended = sum.documents+r.documents, sum.accepted+r.accepted, sum.ended+r.ended
		sum.lost, sum.doubled, sum.breaches = sum.lost+r.lost, sum.doubled+r.doubled, sum.breaches+r.breaches
		sum.recovered = max(sum.recovered, r.recovered, 0*time.Second)
	}
	_, _ = fmt.Fprintf(t, "all\t\t%d\t%d\t%d\t%d\t%d\t%d\t\t%s\t\t\n", sum.documents, sum.accepted, sum.ended, sum.lost, sum.doubled, sum.breaches, sum.seconds())
	_ = t.Flush() // to a terminal or a file
	return all && len(results) > 0
}
