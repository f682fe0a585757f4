package bench

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/docsaga/docsaga/events/natslog"
)

// A Setup says what is measured.
type Setup struct {
	Documents  int                // how many; needed
	Steps      int                // of the flow, one after another; default 5
	Rate       float64            // documents a second; 0: as fast as they go through
	Open       int                // documents under way at once if there is no rate; default 1,000
	Shards     int                // default 4
	Replicas   int                // 1 or 3, servers in this process; default 1
	Durability natslog.Durability // default strict
	Before     int                // documents that the log holds already, all ended, of another flow

	Coordinator bool // follow the log, and write each document's end
	Projections bool // follow the log, and keep the status in SQLite
	Seal        bool // give each document a key, and seal what it holds

	Logger *slog.Logger // default: none

	audited, signed bool // of the pipelines of these names
}

func (s Setup) withDefaults() (Setup, error) {
	if s.Documents < 1 || s.Steps < 0 || s.Steps > 100 || s.Rate < 0 || s.Open < 0 || s.Before < 0 {
		return s, errors.New("bench: want at least one document, 1 to 100 steps, and no negative number")
	}
	if s.Replicas == 0 {
		s.Replicas = 1
	}
	if s.Replicas != 1 && s.Replicas != 3 {
		return s, fmt.Errorf("bench: %d replicas: want 1 or 3", s.Replicas)
	}
	if s.Steps == 0 {
		s.Steps = 5
	}
	if s.Open == 0 {
		s.Open = 1000
	}
	if s.Shards == 0 {
		s.Shards = 4
	}
	if s.Durability == "" {
		s.Durability = natslog.Strict
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	return s, nil
}

// A Result is what a round gave.
type Result struct {
	Pipeline  string  `json:"pipeline"`
	Before    int     `json:"before,omitempty"` // documents that the log held already
	Documents int     `json:"documents"`
	PerSecond float64 `json:"documentsPerSecond"`
	P50       float64 `json:"p50ms"` // from the submission to the acknowledged outcome of the last step
	P90       float64 `json:"p90ms"`
	P99       float64 `json:"p99ms"`
	Max       float64 `json:"maxms"`
	CPU       float64 `json:"cpuMicrosecondsPerDocument"` // of the whole process, servers included
	Memory    float64 `json:"residentMiB"`                // at the end of the round
	Events    uint64  `json:"eventsStored"`
	// Restart is how many seconds it took, from a server that was stopped in
	// good order, until a new one, and all on it, had one more document through;
	// 0 if the log held nothing before.
	Restart float64 `json:"restartSeconds,omitempty"`
}
