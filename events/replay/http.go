package replay

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/docsaga/docsaga/events"
)

// HTTP posts events to an endpoint, one after another, as CloudEvents 1.0 in
// structured mode.
type HTTP struct {
	URL    string
	Client *http.Client
	Tries  int // how often an event is posted before the replay is given up; default 8
	body   []byte
}

// maxPause is the longest wait between two tries.
const maxPause = 10 * time.Second

// Send posts an event. It tries again if the endpoint cannot be reached, or
// answers 429 or 5xx; any other answer above 299 is an error at once.
func (h *HTTP) Send(ctx context.Context, e *events.Event) error {
	h.body = AppendJSON(h.body[:0], e)
	tries := h.Tries
	if tries == 0 {
		tries = 8
	}
	pause := 50 * time.Millisecond
	for try := 1; ; try++ {
		again, err := h.post(ctx)
		if err == nil {
			return nil
		}
		if !again || try == tries || ctx.Err() != nil {
			return fmt.Errorf("replay: post %s at %v: %w", e.ID(), e.Position, err)
		}
		timer := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("replay: post %s at %v: %w", e.ID(), e.Position, context.Cause(ctx))
		}
		pause = min(2*pause, maxPause)
	}
}

func (h *HTTP) post(ctx context.Context) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(h.body))
	if err != nil {
		return false, err
	}
	req.Header.Set("Content-Type", "application/cloudevents+json; charset=UTF-8")
	resp, err := h.Client.Do(req)
	if err != nil {
		return true, err
	}
	defer resp.Body.Close()                        //nolint:errcheck // only read
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
	switch {
	case resp.StatusCode < 300:
		return false, nil
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500:
		return true, fmt.Errorf("the endpoint answers %s", resp.Status)
	}
	return false, fmt.Errorf("the endpoint answers %s", resp.Status)
}
