package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/docsaga/docsaga/coordinator"
	"github.com/docsaga/docsaga/events/anchor"
)

// checkAnchor compares the server's files with their anchor. It reports whether
// the log is shorter, and the user has accepted that.
func (a *app) checkAnchor(nats, dir string) (shortened bool, err error) {
	found, wrong := anchor.Check(nats, anchorFile(dir))
	if wrong == nil || !a.settings.acceptShorter || !errors.Is(wrong, anchor.ErrShorter) {
		return false, wrong
	}
	record, err := anchor.Accept(nats, anchorFile(dir), found, wrong)
	if err != nil {
		return false, err
	}
	a.say("the log is shorter than it was, which is accepted; %s says what is missing", record)
	return true, nil
}

// shortened lets go of what rests on messages that the log has lost.
func (s *system) shortened(ctx context.Context) error {
	if err := coordinator.Forget(ctx, s.log.Snapshots(), s.log.Shards()); err != nil {
		return err
	}
	removed, err := s.log.Shortened(ctx)
	if err != nil {
		return err
	}
	s.app.say("%d queues deliver again what they may have to", removed)
	status := s.statusURL()
	if isURL(status) {
		s.app.say("make the projections anew: docsaga rebuild")
		return nil
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(status + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("projections: %w", err)
		}
	}
	return nil
}
