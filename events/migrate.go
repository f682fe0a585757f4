package events

import "slices"

// Target returns the version that a document.migrate event leads to, and false
// if the event is none. It stands in the slot, where the number of a visit
// stands else, so that it is known of a document whose data is forgotten.
func (e *Event) Target() (version int, ok bool) {
	return e.Slot.Visit, e.Slot.Kind == Migrate
}

// Began returns the definition that a document was submitted to; of one that
// was not submitted, that of its first event.
func Began(history []Event) DefinitionRef {
	if len(history) == 0 {
		return DefinitionRef{}
	}
	slot := history[0].Slot
	for i := range history {
		if history[i].Slot.Kind == Submitted {
			slot = history[i].Slot
			break
		}
	}
	return DefinitionRef{Name: slot.Definition, Version: slot.Version}
}

// Followed returns the definition that a document follows after the given
// events of its history: the one that it was submitted to, in the version that
// it was last migrated to.
func Followed(history []Event) DefinitionRef {
	ref := Began(history)
	for i := range history {
		ref = ref.After(&history[i])
	}
	return ref
}

// After returns the definition that a document follows after an event, if it
// followed r before.
func (r DefinitionRef) After(e *Event) DefinitionRef {
	if e.Slot.Definition == r.Name && e.Slot.Version == r.Version {
		if version, ok := e.Target(); ok {
			r.Version = version
		}
	}
	return r
}

// Own returns the events of a history that lead to, or belong to, what a
// document is under a definition: those of that version, and of the versions
// that it was migrated from. It leaves out what somebody has submitted to
// another definition, past the log's checks.
func Own(history []Event, ref DefinitionRef) []Event {
	versions := map[int]bool{ref.Version: true}
	for i := range slices.Backward(history) {
		if to, ok := history[i].Target(); ok && versions[to] && history[i].Slot.Definition == ref.Name {
			versions[history[i].Slot.Version] = true
		}
	}
	own := make([]Event, 0, len(history))
	for i := range history {
		if slot := &history[i].Slot; slot.Definition == ref.Name && versions[slot.Version] {
			own = append(own, history[i])
		}
	}
	return own
}
