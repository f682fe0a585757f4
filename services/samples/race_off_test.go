//go:build !race

package samples

// underRace says that the race detector is off.
const underRace = false
