// Command faults breaks docsaga on purpose and looks whether it kept its word.
//
// It runs a broker, or three of them with proxies between, three services whose
// effects are rows in SQLite or PostgreSQL behind their barrier, two
// coordinators and, for some faults, docsaga's own server, each a process of its
// own with real sockets and strict durability; submits documents and keeps a
// record of each outside; and does to them what its list of faults says, alone
// and mixed. At the end of each fault everything runs again, every document must
// end within half a minute, and docsaga verify reads the raw log, the record,
// the effects, what the server answered and its projections. A fault that did
// not bite makes its run invalid.
//
//	faults                    all faults; about thirteen minutes
//	faults -short -at-once 2  fewer documents, two faults at a time; three minutes
//	faults -only kill-broker  one fault
//	faults -bugs              seeded bugs, each of which verify must catch; only in
//	                          a build with -tags seededbugs
//
// Clocks are set in a build with -tags shiftedclock and the overlay that the
// command shift makes. PostgreSQL is the server that DOCSAGA_TEST_POSTGRES
// names. Small disks and power cuts need the right to mount. What cannot be done
// is left out, and said to be.
//
// What a document does is in its id: see [fates].
package main
