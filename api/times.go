package api

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// What a client may take its time for, if nothing else is said: to send a body,
// and to take what is written at once.
const (
	bodyTime  = 10 * time.Second
	writeTime = 10 * time.Second
)

// HTTP returns an HTTP server for a handler, with limits on headers and time.
// Whoever sends a body has ten seconds for it, even if nobody reads it, unless
// the handler gives more. A server-sent stream has no body, and no end.
func HTTP(handler http.Handler) *http.Server {
	return &http.Server{
		Handler: bodyWithin(bodyTime, handler), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: maxHeader,
	}
}

// bodyWithin gives clients so long to send what they announce. The server reads
// a body to its end before it answers, and would wait for it for ever.
func bodyWithin(limit time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			control := http.NewResponseController(w)
			_ = control.SetReadDeadline(time.Now().Add(limit)) // or the connection has none
			r.Body = &body{r.Body, w.Header(), control}
		}
		next.ServeHTTP(w, r)
	})
}

// A body that does not come whole is closed at once, and its connection, so that the server does
// not wait for the rest of it, whatever becomes of the deadline.
type body struct {
	io.ReadCloser
	answer  http.Header
	control *http.ResponseController
}

// Read is part of io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.answer.Set("Connection", "close")
		_ = b.control.SetReadDeadline(time.Now()) // or the connection has none
		_ = b.Close()                             // it has failed already
	}
	return n, err
}

// A sender writes to a client that must keep taking what it asked for.
type sender struct {
	to      http.ResponseWriter
	control *http.ResponseController
	within  time.Duration
}

// send copies content to a client, which has so long for each piece of it.
func send(to http.ResponseWriter, content io.Reader, within time.Duration) error {
	_, err := io.Copy(sender{to, http.NewResponseController(to), within}, struct{ io.Reader }{content}) // in pieces
	return err
}

// Write is part of io.Writer.
func (s sender) Write(p []byte) (int, error) {
	_ = s.control.SetWriteDeadline(time.Now().Add(s.within)) // or the connection has none
	return s.to.Write(p)
}
