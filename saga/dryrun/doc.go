// Package dryrun runs a definition with no services and a fake clock, to see
// where a document would go. It uses the same Fold and Decide as a running
// system; what it does itself is to play the others:
//
//   - a service or a person completes at once, with the output that the script
//     gives, or none; or rejects;
//   - a timer goes off when nothing else can happen, the earliest first;
//   - messages and signals come from the script, in its order, as soon as
//     somebody waits for them; with no script they come by themselves, when
//     nothing else can happen;
//   - a called definition is run as well if it is known, and completes at once
//     otherwise.
package dryrun
