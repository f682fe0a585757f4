package api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/docsaga/docsaga/events/admission"
)

// maxUploads is how many uploads are taken at once: each lies on this
// machine's disk until the file store has it.
const maxUploads = 64

// admit refuses documents when too many wait; see [Gate].
func (s *Server) admit(ctx context.Context, documents int) error {
	if s.system.Gate == nil {
		return nil
	}
	return s.system.Gate.Check(ctx, documents)
}

// queueMetrics has what waits in the queues of the services. It asks the log,
// and leaves the metric out when that does not answer.
func (s *Server) queueMetrics(ctx context.Context, e *exposition) error {
	if s.system.Queues == nil {
		return nil
	}
	attempt, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	waiting, err := s.system.Queues.Waiting(attempt)
	if err != nil {
		s.conf.Logger.Warn("what waits in the queues is not known", "error", err)
		return nil
	}
	e.head("docsaga_waiting", "gauge", "deliveries that wait for a service, or are under way")
	for _, queue := range slices.Sorted(maps.Keys(waiting)) {
		e.add("docsaga_waiting", float64(waiting[queue]), "queue", queue)
	}
	return nil
}

// beginUpload refuses an upload when there are too many at once.
func (s *Server) beginUpload() (end func(), err error) {
	select {
	case s.uploads <- struct{}{}:
		return func() { <-s.uploads }, nil
	default:
		return nil, &admission.Busy{Queue: "their upload", Waiting: maxUploads, Most: maxUploads, Retry: time.Second}
	}
}

// retryAfter tells a client that was refused as busy when to try again.
func retryAfter(w http.ResponseWriter, err error) {
	if busy := (*admission.Busy)(nil); errors.As(err, &busy) {
		w.Header().Set("Retry-After", strconv.Itoa(int(busy.Retry/time.Second)))
	}
}
