package anchor

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// An Accepted is what a file beside the anchor says for ever of a log that was
// taken although it ended before its anchor.
type Accepted struct {
	At     time.Time    `json:"at"`
	Anchor map[int]Mark `json:"anchor"` // how far it had to go
	Found  []Found      `json:"found"`  // how far it goes
}

// Accept takes a log that ends before its anchor, as [Check] has found it: it
// writes down what was missing, in a file beside the anchor, whose path it
// returns, and removes the anchor, so that the next one begins with the log as
// it is. It removes the server's indexes of the shards, too, which the server
// makes anew: one that knows of messages that are gone leaves a gap for them. It
// refuses a log that is wrong in any other way.
func Accept(dir, path string, found []Found, wrong error) (record string, err error) {
	if !errors.Is(wrong, ErrShorter) {
		return "", fmt.Errorf("anchor: only a log that is shorter can be accepted: %w", wrong)
	}
	s, err := read(path)
	if err != nil {
		return "", err
	}
	indexes, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", streamPrefix+"[0-9]*", "msgs", "index.db"))
	if err != nil {
		return "", fmt.Errorf("anchor: %w", err)
	}
	now := time.Now().UTC().Truncate(time.Second)
	raw, err := json.MarshalIndent(Accepted{At: now, Anchor: s.Shards, Found: found}, "", "  ")
	if err != nil {
		return "", fmt.Errorf("anchor: %w", err)
	}
	record = filepath.Join(filepath.Dir(path), "accepted-shorter-log-"+now.Format("20060102T150405Z")+".json")
	if err := replace(record, append(raw, '\n')); err != nil {
		return "", fmt.Errorf("anchor: %w", err)
	}
	for _, old := range append(indexes, path) {
		if err := os.Remove(old); err != nil {
			return "", fmt.Errorf("anchor: %w", err)
		}
	}
	return record, nil
}
