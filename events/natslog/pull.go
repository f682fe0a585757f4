package natslog

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/natslog/wire"
)

const (
	pullExpires   = 30 * time.Second
	pullHeartbeat = 2 * time.Second
	// silence is how long nothing may come, not even a heartbeat, before the
	// request counts as lost.
	silence = 5 * time.Second
)

// A puller asks for messages of a consumer and gets them on one subscription.
// How many are on their way is always known, so that prefetch is exact.
type puller struct {
	conn     *wire.Conn
	subject  string // where requests go
	inbox    string
	maxBytes int // of one request; 0 for no limit
	sub      *wire.Subscription
	messages chan wire.Message
	lost     chan struct{} // says that the connection was lost
	wanted   int           // requested, and neither delivered nor given up by the server
}

// puller subscribes. The channel has room for most messages that can be on
// their way, and for what the server says about requests.
func (l *Log) puller(stream, consumer string, most int) *puller {
	p := &puller{
		conn: l.conn, subject: "$JS.API.CONSUMER.MSG.NEXT." + stream + "." + consumer, inbox: l.nc.NewInbox(),
		messages: make(chan wire.Message, 2*most+64), lost: make(chan struct{}, 1),
	}
	p.sub = l.conn.Subscribe(p.inbox, p.take, p.disconnected)
	return p
}

func (p *puller) close() { p.sub.Unsubscribe() }

// take keeps a message until it is asked for. More than was asked for is left
// out: a consumer hands it out again, and who follows finds the gap.
func (p *puller) take(f *wire.Frame) {
	select {
	case p.messages <- f.Message():
	default:
	}
}

func (p *puller) disconnected() {
	select {
	case p.lost <- struct{}{}:
	default:
	}
}

// request asks for n more messages.
func (p *puller) request(n int) error {
	body := fmt.Appendf(nil, `{"batch":%d,"expires":%d,"idle_heartbeat":%d`, n, pullExpires, pullHeartbeat)
	if p.maxBytes > 0 {
		body = fmt.Appendf(body, `,"max_bytes":%d`, p.maxBytes)
	}
	if err := p.conn.Publish(&wire.Outgoing{Subject: p.subject, Reply: p.inbox, Data: append(body, '}')}); err != nil {
		return err
	}
	p.wanted += n
	return nil
}

// A sign says what a message on a puller's subscription is.
type sign int

const (
	isMessage sign = iota
	isHeartbeat
	isEnd  // a request has ended as it should
	isLost // the consumer is gone or has moved: requests may be lost
)

// look tells messages from what the server says about requests, and counts.
// Only the server sets the reply subject of a message, so that no publisher
// can make its message pass for the server's word.
func (p *puller) look(m *wire.Message) (s sign, what string) {
	if m.Reply != "" && strings.HasPrefix(m.Reply, "$JS.ACK.") {
		p.wanted = max(0, p.wanted-1)
		return isMessage, ""
	}
	header, _ := events.ParseHeader(m.Header) // none has no status
	status, what := header.Get("Status"), header.Get("Description")
	if status == "100" {
		return isHeartbeat, what
	}
	if pending, err := strconv.Atoi(header.Get("Nats-Pending-Messages")); err == nil && (status == "408" || status == "409") {
		p.wanted = max(0, p.wanted-pending)
		return isEnd, what
	}
	return isLost, status + " " + what
}
