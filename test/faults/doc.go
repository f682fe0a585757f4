// Command faults breaks docsaga on purpose and looks whether it kept its word.
//
// It runs a broker, three services whose effects are rows in SQLite behind
// their barrier, and two coordinators, each a process of its own with real
// sockets and strict durability; submits documents and keeps a record of each
// outside; and does to them what its list of faults says, alone and mixed. At
// the end of each fault everything runs again, every document must end within
// half a minute, and docsaga verify reads the raw log, the record and the
// effects. A fault that did not bite makes its run invalid.
//
//	faults                    all faults; about ten minutes
//	faults -short             fewer documents; two to three minutes
//	faults -only kill-broker  one fault
//	faults -bugs              seeded bugs, each of which verify must catch; only in
//	                          a build with -tags seededbugs
//
// What a document does is in its id: see [fates].
package main
