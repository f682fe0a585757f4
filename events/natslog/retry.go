package natslog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	codeStoreFailed    = 10077 // the slot is taken, or the store has failed
	codeWrongLast      = 10071 // a document's second submission, on one node
	codeWrongLastReply = 10164 // the same, replicated

	attemptTimeout = 5 * time.Second
	firstBackoff   = 10 * time.Millisecond
	lastBackoff    = 2 * time.Second
)

// retry does something as often as it fails for a reason that passes, and as
// ctx allows. A request may be lost, when a leader changes say, and then no
// answer comes: so each attempt has a time of its own.
func retry(ctx context.Context, do func(ctx context.Context) error) error {
	for backoff := firstBackoff; ; backoff = min(2*backoff, lastBackoff) {
		attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
		err := do(attempt)
		cancel()
		if err == nil || ctx.Err() == nil && !isTemporary(err) {
			return err
		}
		if ended := pause(ctx, backoff); ended != nil {
			return fmt.Errorf("%w (last answer: %w)", ended, err)
		}
	}
}

func isTaken(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) &&
		(api.ErrorCode == codeStoreFailed || api.ErrorCode == codeWrongLast || api.ErrorCode == codeWrongLastReply)
}

// isTemporary reports whether the same request may succeed later.
func isTemporary(err error) bool {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.Code >= 500
	}
	for _, temporary := range []error{
		nats.ErrTimeout, nats.ErrNoResponders, nats.ErrDisconnected, nats.ErrReconnectBufExceeded,
		nats.ErrConnectionReconnecting, nats.ErrStaleConnection, context.DeadlineExceeded,
		jetstream.ErrNoStreamResponse, jetstream.ErrAsyncPublishTimeout, jetstream.ErrTooManyStalledMsgs,
	} {
		if errors.Is(err, temporary) {
			return true
		}
	}
	return false
}

// pause waits for about d and returns nil, or why ctx has ended.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d/2 + rand.N(d))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
