package coordinator

import (
	"container/heap"
	"time"
)

// deadlines is a heap of the documents that have one, the earliest first. A
// document is in it at most once; waiting a year costs one entry.
type deadlines []*document

// set gives a document another deadline; the zero time takes it out.
func (d *deadlines) set(doc *document, at time.Time) {
	switch {
	case at.IsZero() && doc.place < 0:
	case at.IsZero():
		heap.Remove(d, doc.place)
	case doc.place < 0:
		doc.due = at.UnixMilli()
		heap.Push(d, doc)
	case doc.due != at.UnixMilli():
		doc.due = at.UnixMilli()
		heap.Fix(d, doc.place)
	}
}

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].due < d[j].due }
func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].place, d[j].place = i, j
}

// Push is part of heap.Interface.
func (d *deadlines) Push(x any) {
	doc := x.(*document)
	doc.place = len(*d)
	*d = append(*d, doc)
}

// Pop is part of heap.Interface.
func (d *deadlines) Pop() any {
	last := (*d)[len(*d)-1]
	(*d)[len(*d)-1] = nil
	*d = (*d)[:len(*d)-1]
	last.place = -1
	return last
}
