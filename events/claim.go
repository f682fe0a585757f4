package events

import "time"

// A Holding says who has claimed a task, and since when.
type Holding struct {
	By string    `json:"by"`
	At time.Time `json:"at"`
}
