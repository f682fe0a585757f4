package feed

import (
	"context"
	"time"

	"github.com/docsaga/docsaga/events"
)

// much is how many messages at once say that a reader must not rest: more than
// that may wait for it while it does.
const much = mostMessages / 4

// Unhurried returns a reader that rests after each batch, for one that nobody
// waits for: what comes meanwhile it gets at once, and so it is called, and its
// goroutine woken, seldom. It does not rest while there is much to do. It must
// not be one of several that are fed in order.
func Unhurried(r Reader, rest time.Duration) Reader { return unhurried{r, rest} }

type unhurried struct {
	Reader
	rest time.Duration
}

func (u unhurried) Apply(ctx context.Context, shard int, batch []events.Delivery) error {
	if err := u.Reader.Apply(ctx, shard, batch); err != nil || len(batch) > much {
		return err
	}
	timer := time.NewTimer(u.rest)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
}
