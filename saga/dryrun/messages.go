package dryrun

import (
	"encoding/json"
	"slices"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

// deliver gives a visit the first message or signal that it waits for.
func (r *runner) deliver(n *saga.Node, slot events.Slot, i int) (bool, error) {
	switch n.Trigger {
	case saga.MessageTrigger:
		if n.Kind == saga.Throw || n.Kind == saga.End {
			return false, nil
		}
		k := slices.IndexFunc(r.messages, func(m Message) bool {
			return m.Name == n.Event && (m.Key == "" || n.Key == nil || m.Key == r.key(n, i))
		})
		if k < 0 {
			return false, nil
		}
		m := r.messages[k]
		r.messages = slices.Delete(r.messages, k, k+1)
		return true, r.complete(n, slot, i, m.Data)
	case saga.SignalTrigger:
		k := slices.IndexFunc(r.signals, func(m Message) bool { return m.Name == n.Event })
		if k < 0 || n.Kind == saga.Throw || n.Kind == saga.End {
			return false, nil
		}
		return true, r.broadcast(k)
	case saga.NoTrigger, saga.TimerTrigger, saga.ErrorTrigger, saga.EscalationTrigger, saga.CompensationTrigger, saga.TerminateTrigger:
	}
	return false, nil
}

// broadcast gives a signal to all that wait for it now.
func (r *runner) broadcast(k int) error {
	m := r.signals[k]
	r.signals = slices.Delete(r.signals, k, k+1)
	for i, waiting := 0, r.state.Visits(); i < waiting; i++ {
		v := r.state.Visit(i)
		n := &r.d.Nodes[v.Node()]
		if v.Status() != saga.Open && v.Status() != saga.Watching || n.Trigger != saga.SignalTrigger || n.Event != m.Name {
			continue
		}
		slot := events.Slot{
			Definition: r.d.Name, Version: r.d.Version, Document: document,
			Step: n.ID, Visit: v.Number(), Kind: events.Outcome, Again: 1,
		}
		if err := r.complete(n, slot, i, m.Data); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) key(n *saga.Node, i int) string {
	raw, err := events.Data{Context: r.contextOf(i)}.Marshal()
	if err != nil {
		return ""
	}
	value, err := n.Key.Eval(saga.Vars{Data: raw, Now: r.now})
	if err != nil {
		return ""
	}
	var text string
	if json.Unmarshal(value, &text) != nil {
		return string(value)
	}
	return text
}

// deliverAny gives the first visit that waits for a message or signal one.
func (r *runner) deliverAny() (bool, error) {
	for _, status := range []saga.Status{saga.Open, saga.Watching} {
		for i := range r.state.Visits() {
			v := r.state.Visit(i)
			n := &r.d.Nodes[v.Node()]
			if v.Status() != status {
				continue
			}
			if n.Trigger == saga.MessageTrigger {
				r.messages = append(r.messages, Message{Name: n.Event})
				return r.play(i)
			}
			if n.Trigger == saga.SignalTrigger {
				r.signals = append(r.signals, Message{Name: n.Event})
				return r.play(i)
			}
		}
	}
	return false, nil
}
