//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/verify"
)

// readShare is how many of the positions that somebody learns are asked for.
const readShare = 4

// A reader asks docsaga's server about documents, from a position on, and
// keeps a record of the answers.
type reader struct {
	url  string
	slot chan struct{} // as many as ask at once
	http *http.Client
}

func newReader(url string) *reader {
	return &reader{url: url, slot: make(chan struct{}, 16), http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 300}}}
}

// learned lets the reader ask about a document from a position on, if it is
// its turn and the reader has time for it.
func (c *client) learned(ctx context.Context, id events.DocumentID, at events.Position) {
	if c.reader == nil || at.Seq%readShare != 0 {
		return
	}
	select {
	case c.reader.slot <- struct{}{}:
	default:
		return
	}
	c.watching.Go(func() {
		defer func() { <-c.reader.slot }()
		r, ok := c.reader.read(ctx, id, at)
		c.mu.Lock()
		defer c.mu.Unlock()
		if !ok {
			c.unread++
			return
		}
		c.reads = append(c.reads, r)
	})
}

// ready waits until the server answers.
func (r *reader) ready(ctx context.Context) error {
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/v1/positions", nil)
		if err != nil {
			return err
		}
		if resp, err := r.http.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		if !wait(ctx, 50*time.Millisecond) {
			return fmt.Errorf("docsaga's server does not start: %w", ctx.Err())
		}
	}
}

// submit submits a document to docsaga's server. The error wraps
// events.ErrBusy if that refuses it, and says when to try again.
func (r *reader) submit(ctx context.Context, id events.DocumentID) (events.Position, error) {
	body := `{"document":"` + string(id) + `","definition":"abc","location":"https://example.com/x.pdf"}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+"/v1/documents", strings.NewReader(body))
	if err != nil {
		return events.Position{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.http.Do(req)
	if err != nil {
		return events.Position{}, err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	switch {
	case resp.StatusCode == http.StatusTooManyRequests && resp.Header.Get("Retry-After") != "":
		return events.Position{}, events.ErrBusy
	case resp.StatusCode != http.StatusAccepted:
		why, _ := io.ReadAll(io.LimitReader(resp.Body, 300)) // for people
		return events.Position{}, fmt.Errorf("%w: %s: %s", errAnswer, resp.Status, why)
	}
	return events.ParsePosition(resp.Header.Get("Saga-Position"))
}

var errAnswer = errors.New("the server answers something else")

// read asks, and reports false if there was no answer.
func (r *reader) read(ctx context.Context, id events.DocumentID, at events.Position) (verify.Reading, bool) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	got := verify.Reading{Document: id, Asked: at}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/v1/documents/"+string(id), nil)
	if err != nil {
		return got, false
	}
	req.Header.Set("Saga-Min-Position", at.String())
	req.Header.Set("Prefer", "wait=8")
	resp, err := r.http.Do(req)
	if err != nil {
		return got, false
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return got, true // which is an answer, and a wrong one
	default:
		return got, false
	}
	var body struct {
		State    string          `json:"state"`
		Position events.Position `json:"position"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		return got, false
	}
	got.State, got.Answered = body.State, body.Position
	return got, true
}
