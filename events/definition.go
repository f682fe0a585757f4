package events

import (
	"cmp"
	"fmt"
	"strconv"
)

// A DefinitionRef names one version of a definition.
type DefinitionRef struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
}

// String returns the reference as <name>.<version>, such as pdf-validation.3.
func (r DefinitionRef) String() string { return r.Name + "." + strconv.Itoa(r.Version) }

// Check returns nil if the reference can name a definition, and an error that
// wraps [ErrBadID] otherwise.
func (r DefinitionRef) Check() error {
	if err := CheckID(r.Name); err != nil {
		return fmt.Errorf("events: definition: %w", err)
	}
	if r.Version < 1 || r.Version > MaxVersion {
		return fmt.Errorf("events: definition %s: version %d: want 1 to %d: %w", r.Name, r.Version, MaxVersion, ErrBadID)
	}
	return nil
}

// Compare orders references by name, then by version.
func (r DefinitionRef) Compare(other DefinitionRef) int {
	return cmp.Or(cmp.Compare(r.Name, other.Name), cmp.Compare(r.Version, other.Version))
}
