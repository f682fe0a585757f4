package natslog

import (
	"errors"
	"fmt"
	"log/slog"
	neturl "net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// ConnectOptions says how to reach a server. The zero ConnectOptions connects
// without credentials, over TLS if the URL says so.
type ConnectOptions struct {
	Name            string // shown in the server's list of connections
	CredentialsFile string // NATS credentials: JWT and seed
	CAFile          string // PEM certificates that the server's must chain to
	InboxPrefix     string // of the subjects on which answers come; default _INBOX
	Logger          *slog.Logger
	InProcess       nats.InProcessConnProvider // an embedded server, instead of a URL
}

// pingEvery is how often a server is asked whether it is there. One that does
// not answer the second time, for it is stopped or cut off, is left for another.
const pingEvery = 4 * time.Second

// Connect connects to the server at url, or to several of one cluster,
// separated by commas. Once connected it reconnects for ever. What the server
// refuses for lack of a permission is logged: to the caller it looks like a
// timeout.
func Connect(url string, opts ConnectOptions) (*nats.Conn, error) {
	log := opts.Logger
	if log == nil {
		log = slog.Default()
	}
	log = log.With("connection", opts.Name)
	options := []nats.Option{
		nats.Name(opts.Name),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(100*time.Millisecond, time.Second),
		nats.PingInterval(pingEvery),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			switch {
			case errors.Is(err, nats.ErrPermissionViolation):
				log.Error("nats: permission denied", "error", err)
			case sub != nil:
				log.Warn("nats: asynchronous error", "error", err, "subject", sub.Subject)
			default:
				log.Warn("nats: asynchronous error", "error", err)
			}
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("nats: disconnected", "error", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			log.Info("nats: connected again", "server", nc.ConnectedServerName())
		}),
	}
	if opts.CredentialsFile != "" {
		options = append(options, nats.UserCredentials(opts.CredentialsFile))
	}
	if opts.CAFile != "" {
		options = append(options, nats.RootCAs(opts.CAFile))
	}
	if opts.InboxPrefix != "" {
		options = append(options, nats.CustomInboxPrefix(opts.InboxPrefix))
	}
	if opts.InProcess != nil {
		options = append(options, nats.InProcessServer(opts.InProcess))
	}
	nc, err := nats.Connect(url, options...)
	if err != nil {
		return nil, failed(url, err)
	}
	return nc, nil
}

// failed says why a connection could not be made. Why an address cannot be read
// quotes a part of it, which may be one of its password.
func failed(servers string, err error) error {
	var bad *neturl.Error
	switch {
	case errors.As(err, &bad) && strings.Contains(servers, "@"):
		return errors.New("natslog: connect: the address cannot be read; in a user or password, characters other than letters and digits are written as %XX")
	case bad != nil:
		err = bad.Err
	}
	return fmt.Errorf("natslog: connect to %s: %w", redact(servers), err)
}

// redact returns the servers' addresses without user, password or token.
func redact(servers string) string {
	var shown []string
	for server := range strings.SplitSeq(servers, ",") {
		if at := strings.LastIndexByte(server, '@'); at >= 0 {
			server = server[at+1:]
		}
		shown = append(shown, strings.TrimSpace(server))
	}
	return strings.Join(shown, ", ")
}
