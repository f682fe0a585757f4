//go:build !race

package parsing_test

// underRace says that the race detector is off.
const underRace = false
