//go:build linux && !seededbugs

package main

// bugs returns the seeded bugs: this build has none.
func bugs() []scenario { return nil }

func skipsBarrier(string) bool { return false }

func unfenced(string) bool { return false }

func withBug(f *faulty) partLog { return f }
