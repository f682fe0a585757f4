// Command bench measures other engines at what `docsaga bench` measures: five
// steps that do nothing, one after another, for each document. It is a module
// of its own, so that docsaga does not depend on its peers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"sync"
	"time"
)

const steps = 5

// A peer takes documents. run returns when the document has gone through all
// steps. Several are called at once.
type peer interface {
	run(ctx context.Context, document string) error
	stop()
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := measure(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context) error {
	name := flag.String("peer", "", "dbos or river")
	url := flag.String("postgres", "", "URL of the database")
	durability := flag.String("durability", "strict", "strict (synchronous commits) or relaxed (asynchronous commits)")
	documents := flag.Int("documents", 2000, "how many")
	open := flag.Int("open", 200, "documents under way at once")
	rate := flag.Float64("rate", 0, "documents a second; 0: as fast as they go through")
	flag.Parse()
	if err := configure(ctx, *url, *durability); err != nil {
		return err
	}
	start := map[string]func(context.Context, string, int) (peer, error){"dbos": startDBOS, "river": startRiver}[*name]
	if start == nil {
		return errors.New("-peer: want dbos or river")
	}
	p, err := start(ctx, *url, *open)
	if err != nil {
		return err
	}
	defer p.stop()
	prefix := fmt.Sprintf("%d", time.Now().UnixNano())
	if _, err := drive(ctx, p, prefix+"-warm", 1+*documents/10, *open, 0); err != nil {
		return err
	}
	began, used := time.Now(), processorTime()+postgresTime()
	took, err := drive(ctx, p, prefix, *documents, *open, *rate)
	if err != nil {
		return err
	}
	n := float64(*documents)
	elapsed, cpu := time.Since(began), processorTime()+postgresTime()-used
	slices.Sort(took)
	at := func(share float64) float64 {
		return float64(took[min(len(took)-1, int(share*float64(len(took))))]) / 1e6
	}
	fmt.Printf("%-8s %-8s %7.0f documents/s, p50 %6.1f ms, p99 %6.1f ms, %6.0f us CPU a document, PostgreSQL included\n",
		*name, *durability, n/elapsed.Seconds(), at(0.5), at(0.99), float64(cpu.Microseconds())/n)
	return nil
}

// drive runs the documents, so many at once or at a rate, and returns how long
// each took.
func drive(ctx context.Context, p peer, prefix string, documents, open int, rate float64) ([]time.Duration, error) {
	took, errs := make([]time.Duration, documents), make([]error, documents)
	room := make(chan struct{}, open)
	var all sync.WaitGroup
	start := time.Now()
	for n := range documents {
		began := time.Now()
		if rate > 0 {
			began = start.Add(time.Duration(float64(n) / rate * float64(time.Second)))
			time.Sleep(time.Until(began))
		}
		room <- struct{}{}
		if rate == 0 {
			began = time.Now()
		}
		all.Go(func() {
			errs[n] = p.run(ctx, fmt.Sprintf("%s-%d", prefix, n))
			took[n] = time.Since(began)
			<-room
		})
	}
	all.Wait()
	return took, errors.Join(errs...)
}
