//go:build race

package main

// underRace says whether the race detector is on, which slows everything down.
const underRace = true
