package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// most is how many bytes may wait to be written; who publishes more waits.
	most = 8 << 20

	firstBackoff = 50 * time.Millisecond
	lastBackoff  = 2 * time.Second
)

// errStale reports a server that does not answer.
var errStale = errors.New("the server does not answer")

// A Conn is a connection beside a nats.Conn. Its methods may be called at once.
type Conn struct {
	nc     *nats.Conn
	log    *slog.Logger
	closed chan nats.Status // tells that nc is closed
	wake   chan struct{}    // there is something to write

	mu         sync.Mutex
	room       *sync.Cond // bytes were written, or never will be
	up         bool       // out is written to a server
	ended      bool
	session    int // how many connections there were
	out        []byte
	maxPayload int
	pings      int         // without an answer
	pong       bool        // the server waits for an answer to its ping
	later      *time.Timer // writes what is not urgent
	awaits     bool        // later is running
	closing    bool        // what waits is the last

	subsMu sync.RWMutex
	subs   map[uint64]*Subscription
	last   uint64 // of their numbers
}

// A Subscription gets messages until it is unsubscribed.
type Subscription struct {
	c       *Conn
	sid     uint64
	subject string
	take    func(*Frame)
	lost    func()
}

// Open connects to the server that nc is connected to. The connection ends
// when nc is closed.
func Open(nc *nats.Conn, log *slog.Logger) (*Conn, error) {
	c := &Conn{
		nc: nc, log: log, closed: nc.StatusChanged(nats.CLOSED), wake: make(chan struct{}, 1),
		subs: make(map[uint64]*Subscription),
	}
	c.room = sync.NewCond(&c.mu)
	c.later = time.AfterFunc(soon, c.hurry)
	c.later.Stop()
	s, err := dial(nc)
	if err != nil {
		nc.RemoveStatusListener(c.closed)
		return nil, err
	}
	c.begin(s)
	go c.run(s) // until nc is closed, as the goroutines of nc itself
	return c, nil
}

// Subscribe calls take for each message on a subject, one after another; take
// must not block. It calls lost, if a connection was lost, before there is a
// new one that can be published on; lost must neither block nor unsubscribe.
func (c *Conn) Subscribe(subject string, take func(*Frame), lost func()) *Subscription {
	s := &Subscription{c: c, subject: subject, take: take, lost: lost}
	c.subsMu.Lock()
	defer c.subsMu.Unlock()
	c.last++
	s.sid = c.last
	c.subs[s.sid] = s
	c.say(s.line()) // with the lock, so that a new connection has it once
	return s
}

func (s *Subscription) line() string {
	return "SUB " + s.subject + " " + strconv.FormatUint(s.sid, 10) + "\r\n"
}

// Unsubscribe ends the subscription. A call of take may still be under way.
func (s *Subscription) Unsubscribe() {
	s.c.subsMu.Lock()
	defer s.c.subsMu.Unlock()
	delete(s.c.subs, s.sid)
	s.c.say("UNSUB " + strconv.FormatUint(s.sid, 10) + "\r\n")
}

// say sends a line, if there is a connection; a new one says what it must anew.
func (c *Conn) say(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.up {
		c.out = append(c.out, line...)
		c.wakeUp()
	}
}

// wakeUp makes the writer write. The caller holds mu.
func (c *Conn) wakeUp() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run keeps the connection up until nc is closed.
func (c *Conn) run(s *session) {
	defer c.nc.RemoveStatusListener(c.closed)
	for s != nil {
		err := c.serve(s)
		c.end(false)
		c.log.Debug("wire: disconnected", "error", err)
		s = c.again()
	}
	c.end(true)
}

// again connects again; nil if nc is closed.
func (c *Conn) again() *session {
	timer := time.NewTimer(firstBackoff)
	defer timer.Stop()
	said := "" // each reason is logged once
	for backoff := firstBackoff; !c.nc.IsClosed(); backoff = min(2*backoff, lastBackoff) {
		select {
		case <-timer.C:
		case <-c.closed:
			return nil
		}
		s, err := dial(c.nc)
		if err == nil {
			c.begin(s)
			return s
		}
		if what := err.Error(); err != nats.ErrDisconnected && what != said { //nolint:errorlint // nc itself is not connected
			c.log.Warn("wire: cannot connect again yet", "error", err)
			said = what
		}
		timer.Reset(backoff)
	}
	return nil
}

// begin takes a new connection into use.
func (c *Conn) begin(s *session) {
	c.subsMu.RLock()
	defer c.subsMu.RUnlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session++
	c.up, c.pings, c.pong, c.maxPayload = true, 0, false, s.maxPayload
	c.out = c.out[:0]
	for _, sub := range c.subs {
		c.out = append(c.out, sub.line()...)
	}
	c.wakeUp()
}

// end gives up a connection: what waits is lost.
func (c *Conn) end(forEver bool) {
	c.mu.Lock()
	c.up, c.ended = false, forEver
	c.room.Broadcast()
	c.mu.Unlock()
	c.subsMu.RLock()
	defer c.subsMu.RUnlock()
	for _, sub := range c.subs {
		if sub.lost != nil {
			sub.lost()
		}
	}
}

// serve reads and writes until the connection is lost, and returns why.
func (c *Conn) serve(s *session) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	defer s.conn.Close() //nolint:errcheck // it is lost
	failed, stop := make(chan error, 2), make(chan struct{})
	defer close(stop)
	wg.Go(func() { failed <- c.read(s.frames) })
	wg.Go(func() { failed <- c.write(s.conn, stop) })
	every := c.nc.Opts.PingInterval
	if every <= 0 {
		every = nats.DefaultPingInterval
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case err := <-failed:
			return err
		case <-c.closed:
			_ = s.conn.SetWriteDeadline(time.Now().Add(time.Second)) // or it is lost already
			c.close()
			<-failed
			return nats.ErrConnectionClosed
		case <-tick.C:
			if !c.ping() {
				return errStale
			}
		}
	}
}

// ping asks the server whether it is there. It reports whether it was, lately.
func (c *Conn) ping() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pings >= c.nc.Opts.MaxPingsOut {
		return false
	}
	c.pings++
	c.out = append(c.out, "PING\r\n"...)
	c.wakeUp()
	return true
}

// close lets the writer write what waits, and end.
func (c *Conn) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	c.wakeUp()
}

func (c *Conn) write(conn net.Conn, stop <-chan struct{}) error {
	var batch []byte
	for {
		select {
		case <-c.wake:
		case <-stop:
			return nil
		}
		c.mu.Lock()
		c.out, batch = batch[:0], c.out
		if c.pong {
			batch, c.pong = append(batch, "PONG\r\n"...), false
		}
		last := c.closing
		c.room.Broadcast()
		c.mu.Unlock()
		if len(batch) > 0 { // else what there was belonged to the connection before
			if _, err := conn.Write(batch); err != nil {
				return fmt.Errorf("write: %w", err)
			}
		}
		if last {
			return nil
		}
		if cap(batch) > most/4 {
			batch = nil
		}
	}
}

func (c *Conn) read(frames *frameReader) error {
	var f Frame
	for {
		op, err := frames.next(&f)
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		switch op {
		case opMessage:
			c.subsMu.RLock()
			s := c.subs[f.sid]
			c.subsMu.RUnlock()
			if s != nil {
				s.take(&f)
			}
		case opPing:
			c.mu.Lock()
			c.pong = true // one answer for all, so that none can fill the memory
			c.wakeUp()
			c.mu.Unlock()
		case opPong:
			c.mu.Lock()
			c.pings = 0
			c.mu.Unlock()
		case opInfo:
			c.inform(f.line)
		case opError:
			if !passing(f.line) {
				return fmt.Errorf("the server says %.200s", f.line)
			}
			c.log.Error("wire: the server refuses", "error", fmt.Sprintf("%.200s", f.line))
		case opOK:
		}
	}
}

// inform takes what a server says about itself while it is connected: after
// the greeting how much this user may publish at once, and later what of its
// settings was changed.
func (c *Conn) inform(line []byte) {
	var i info
	if err := json.Unmarshal(line, &i); err != nil || i.MaxPayload <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.maxPayload = i.MaxPayload
}

// passing reports whether a connection goes on after an error, as in nats.go.
func passing(what []byte) bool {
	what = bytes.ToLower(bytes.Trim(what, "' "))
	return bytes.HasPrefix(what, []byte("permissions violation")) || bytes.HasPrefix(what, []byte("maximum subscriptions exceeded"))
}
