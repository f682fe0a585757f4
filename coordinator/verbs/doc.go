// Package verbs is what an operator can ask of a document: to cancel it, to
// retry or resolve an incident, or to give an incident up and compensate.
//
// Each verb is one event in the document's own log, with who asked for it and
// why in its data ([events.By]) and [events.SourceOperator] as its source:
//
//	cancel      document.1.cancel       a running document, or an incident of a step
//	retry       STEP.n+1.redo           visit n failed and waits: do it again, with what it was given
//	            STEP.n.undo-(k+1)       the k-th undo of visit n failed: undo it again
//	resolve     STEP.n+1.outcome        visit n failed and waits: go on as if it were done, or rejected
//	            STEP.n.undone-(k+1)     the undo was done by hand
//	compensate  document.1.compensate   an incident of a step: give up, undo what was done
//
// A slot takes one event, so a verb that two people use at once, or one person
// twice, happens once: the second is told what stands ([Done.Already]). A verb
// that does not fit where the document is, is refused with [ErrUnfit].
package verbs
