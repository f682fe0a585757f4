// Package audit makes the saga log evidence: whoever has one public key can
// find out, years later and without trusting who runs the system, whether an
// event was changed, removed, inserted or moved, or the log rolled back.
//
// # The logs
//
// Each shard's messages are the leaves of a Merkle tree (RFC 6962, as
// golang.org/x/mod/sumdb/tlog has it): message n is leaf n-1 of the log
// "log-<shard>". One more log, "definitions", has a leaf for each version of a
// definition, so that a history can be read as it was meant.
//
// A message's leaf covers all that is stored of it:
//
//	"docsaga message 1\n"
//	shard       uvarint
//	sequence    uvarint
//	stored at   varint, Unix nanoseconds
//	subject     uvarint length, bytes
//	headers     uvarint length, lines "<name>: <value>\n", names sorted, values of a name in order
//	data        uvarint length, bytes
//
// A definition's leaf is the line "<name> <version> <SHA-256 of the BPMN in hexadecimal>\n".
//
// # Checkpoints
//
// A checkpoint says how long a log is and which root it has. It is a note
// signed with Ed25519 (golang.org/x/mod/sumdb/note), in the form that C2SP's
// tlog-checkpoint gives:
//
//	<key name>/<log>
//	<number of leaves>
//	<root hash, base64>
//	time <RFC 3339>
//
//	— <key name> <signature, base64>
//
// # The directory
//
// Beside the log, best on another machine, lies a directory with one
// subdirectory a log:
//
//	checkpoints   the checkpoints, oldest first, an empty line after each
//	hashes        the tree's hashes, 32 bytes each, in the order of tlog.StoredHashIndex
//	records       of definitions only: the leaves
//
// The checkpoints are what counts. The hashes are there for proofs, and to say
// which event differs; they are checked against the checkpoints.
package audit
