package saga

import "fmt"

// A Fault is one thing that is wrong with a definition. It wraps
// [ErrBadDefinition].
type Fault struct { //nolint:errname // it is listed as a finding as often as it is returned
	Element string // the BPMN element, such as serviceTask
	ID      string // its id
	Line    int    // in the file, or 0
	Message string
}

// Error returns where the fault is, and what.
func (f *Fault) Error() string {
	where := ""
	if f.Line > 0 {
		where = fmt.Sprintf("line %d: ", f.Line)
	}
	return fmt.Sprintf("%s%s %s: %s", where, f.Element, f.ID, f.Message)
}

// Unwrap returns [ErrBadDefinition].
func (f *Fault) Unwrap() error { return ErrBadDefinition }
