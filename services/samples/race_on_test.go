//go:build race

package samples

// underRace says that the race detector is on, under which a bomb takes half a
// minute to make.
const underRace = true
