//go:build !linux

package main

import "os"

// The harness rests on what Linux does with the children of a process that
// dies.
func main() {
	_, _ = os.Stderr.WriteString("faults: it runs on Linux only\n")
	os.Exit(1)
}
