package natslog

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
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
	nc       *nats.Conn
	subject  string // where requests go
	inbox    string
	maxBytes int // of one request; 0 for no limit
	sub      *nats.Subscription
	messages chan *nats.Msg
	wanted   int // requested, and neither delivered nor given up by the server
}

// newPuller subscribes. The channel has room for most messages that can be on
// their way, and for what the server says about requests.
func newPuller(nc *nats.Conn, stream, consumer string, most int) (*puller, error) {
	p := &puller{
		nc: nc, subject: "$JS.API.CONSUMER.MSG.NEXT." + stream + "." + consumer,
		inbox: nc.NewInbox(), messages: make(chan *nats.Msg, 2*most+64),
	}
	var err error
	if p.sub, err = nc.ChanSubscribe(p.inbox, p.messages); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *puller) close() { _ = p.sub.Unsubscribe() } // fails only on a closed connection

// request asks for n more messages.
func (p *puller) request(n int) error {
	body := fmt.Appendf(nil, `{"batch":%d,"expires":%d,"idle_heartbeat":%d`, n, pullExpires, pullHeartbeat)
	if p.maxBytes > 0 {
		body = fmt.Appendf(body, `,"max_bytes":%d`, p.maxBytes)
	}
	if err := p.nc.PublishRequest(p.subject, p.inbox, append(body, '}')); err != nil {
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
func (p *puller) look(m *nats.Msg) (s sign, what string) {
	if m.Reply != "" && strings.HasPrefix(m.Reply, "$JS.ACK.") {
		p.wanted = max(0, p.wanted-1)
		return isMessage, ""
	}
	status, what := m.Header.Get("Status"), m.Header.Get("Description")
	if status == "100" {
		return isHeartbeat, what
	}
	if pending, err := strconv.Atoi(m.Header.Get("Nats-Pending-Messages")); err == nil && (status == "408" || status == "409") {
		p.wanted = max(0, p.wanted-pending)
		return isEnd, what
	}
	return isLost, status + " " + what
}
