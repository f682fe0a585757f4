//go:build race

package parsing_test

// underRace says that the race detector is on, under which the largest
// documents take most of a minute to make and to read.
const underRace = true
