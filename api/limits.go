package api

import (
	"container/list"
	"sync"
	"time"
)

// limits bounds the requests of each key or address. It holds a bounded number
// of them, those that asked last.
type limits struct {
	rate float64 // a second; ten times as many at once

	mu   sync.Mutex
	each map[string]*list.Element
	used list.List // of *bucket, the last one in front
}

// A bucket is what one key or address may still ask.
type bucket struct {
	key  string
	left float64
	at   time.Time
}

const maxLimiters = 10_000

// allow reports whether one more request may be made now, and counts it.
func (l *limits) allow(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, now := l.bucket(key), time.Now()
	b.left, b.at = min(10*l.rate, b.left+l.rate*now.Sub(b.at).Seconds()), now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// giveBack takes a request back that was counted.
func (l *limits) giveBack(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(key)
	b.left = min(10*l.rate, b.left+1)
}

func (l *limits) bucket(key string) *bucket {
	if e := l.each[key]; e != nil {
		l.used.MoveToFront(e)
		return e.Value.(*bucket) //nolint:forcetypeassert // nothing else is in it
	}
	if l.each == nil {
		l.each = make(map[string]*list.Element)
	}
	if len(l.each) >= maxLimiters {
		oldest := l.used.Remove(l.used.Back()).(*bucket) //nolint:forcetypeassert // nothing else is in it
		delete(l.each, oldest.key)
	}
	b := &bucket{key: key, left: 10 * l.rate, at: time.Now()}
	l.each[key] = l.used.PushFront(b)
	return b
}
