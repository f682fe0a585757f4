package sqlstore

import (
	"github.com/docsaga/docsaga/projections"
)

// A projection is a table whose rows follow from the log. All that there is to
// say about it stands in one file: how it is made, what a batch of changes puts
// into it, and how it is asked. With a line in [all] it is made in each set of
// tables, filled in the transaction that moves the cursor, part of the checksum,
// rebuilt and dropped with the others; a store that does not have it yet begins a
// new set of tables and reads the log anew. See outcomes.go for one.
type projection struct {
	table
	// create makes the table and its indexes. P_ stands for the prefix of the
	// set, TEXT and BLOB for the database's types, and KEYED, at the end, for a
	// table whose key is most of it.
	create []string
	// rows puts what follows from the changes, each row with the values of the
	// key's columns and then of the others, in the order of the keys.
	rows func(c *projections.Changes, put func(values ...any)) error
}

// all returns all projections.
func all() []projection {
	return []projection{documents(), steps(), troubles(), tallies(), totals(), outcomes()}
}

// last is what is prepared last.
func last() projection {
	list := all()
	return list[len(list)-1]
}
