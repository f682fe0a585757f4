//go:build linux

package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// points are where a worker can crash.
func points() []string {
	return []string{
		"before-effect", "in-effect", "after-effect", "before-write", "after-write", "before-ack", "after-ack",
		"before-undo", "after-undo",
	}
}

func crashAt(point string, hit int) string { return fmt.Sprintf("%s:%d", point, hit) }

// hits is at which times that a worker comes to a point it crashes.
const hits = 3

// crashingEverywhere makes workers crash at every point, at the first, second
// and third time that they come there, each certainly once. It goes on, and
// with it the submitting, until all have crashed so; what it returns is 0 if
// they have not within two minutes.
func crashingEverywhere(ctx context.Context, t *trial) int {
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	var left atomic.Int64
	var workers sync.WaitGroup
	todo := crashes()
	for worker, list := range todo {
		left.Add(int64(len(list)))
		workers.Go(func() {
			for len(list) > 0 && late.Err() == nil {
				if crashOnce(late, t.sys.parts[worker], list[0]) == 1 {
					list = list[1:]
					left.Add(-1)
				} else {
					list = append(list[1:], list[0])
				}
			}
		})
	}
	workers.Wait()
	if left.Load() > 0 {
		return 0
	}
	return hits * len(points())
}

// crashes returns which worker crashes where, at which time. What c does is
// never undone.
func crashes() map[string][]string {
	todo := make(map[string][]string)
	workers := steps()
	n := 0
	for hit := 1; hit <= hits; hit++ {
		for i, point := range points() {
			among := len(workers)
			if i >= len(points())-2 {
				among--
			}
			worker := workers[n%among]
			todo[worker] = append(todo[worker], crashAt(point, hit))
			n++
		}
	}
	return todo
}

// crashOnce starts a worker anew with a point at which it crashes, and waits
// until it has, or for some seconds. It returns 1 if it has.
func crashOnce(ctx context.Context, p *process, at string) int {
	before := p.next("-crash", at)
	p.signal(syscall.SIGKILL)
	for began := time.Now(); p.died() < before+2 && time.Since(began) < 4*time.Second; {
		if !wait(ctx, 20*time.Millisecond) {
			break
		}
	}
	if p.died() >= before+2 {
		return 1
	}
	p.next()
	p.signal(syscall.SIGKILL) // it has not come to its point yet
	return 0
}
