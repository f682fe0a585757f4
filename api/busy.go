package api

import (
	"context"
	"errors"
	"net/http"
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
