package wire

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// info is what is read of a server's INFO.
type info struct {
	Nonce       string `json:"nonce"`
	TLSRequired bool   `json:"tls_required"`
	Headers     bool   `json:"headers"`
	MaxPayload  int    `json:"max_payload"`
}

// hello is what a CONNECT says; see
// https://docs.nats.io/reference/reference-protocols/nats-protocol#connect.
type hello struct {
	Verbose      bool   `json:"verbose"`
	Pedantic     bool   `json:"pedantic"`
	TLSRequired  bool   `json:"tls_required"`
	JWT          string `json:"jwt,omitempty"`
	NKey         string `json:"nkey,omitempty"`
	Signature    string `json:"sig,omitempty"`
	User         string `json:"user,omitempty"`
	Password     string `json:"pass,omitempty"`
	Token        string `json:"auth_token,omitempty"`
	Name         string `json:"name"`
	Lang         string `json:"lang"`
	Version      string `json:"version"`
	Protocol     int    `json:"protocol"`
	Echo         bool   `json:"echo"`
	Headers      bool   `json:"headers"`
	NoResponders bool   `json:"no_responders"`
}

// nameSuffix tells a server's operator the two connections of a process apart.
const nameSuffix = "/log"

// A session is one connection to one server.
type session struct {
	conn       net.Conn
	frames     *frameReader
	maxPayload int
}

// dial connects to the server that nc is connected to. The error wraps
// [nats.ErrDisconnected] if a later try may do better, and is nothing but that
// if nc is not connected itself.
func dial(nc *nats.Conn) (*session, error) {
	address := nc.ConnectedUrl()
	switch {
	case nc.IsClosed():
		return nil, nats.ErrConnectionClosed
	case address == "":
		return nil, nats.ErrDisconnected
	}
	server, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("wire: the server's address cannot be read") // it may hold a password
	}
	if server.Scheme == "ws" || server.Scheme == "wss" {
		return nil, fmt.Errorf("wire: connections over %s are not supported", server.Scheme)
	}
	conn, err := connection(&nc.Opts, server)
	if err != nil {
		return nil, fmt.Errorf("wire: %w: %w", err, nats.ErrDisconnected)
	}
	s, err := greet(nc, server, conn)
	if err != nil {
		_ = conn.Close() // it is of no use
		return nil, err
	}
	return s, nil
}

// connection opens a connection without speaking on it.
func connection(opts *nats.Options, server *url.URL) (net.Conn, error) {
	switch {
	case opts.InProcessServer != nil:
		return opts.InProcessServer.InProcessConn()
	case opts.CustomDialer != nil:
		return opts.CustomDialer.Dial("tcp", server.Host)
	}
	return opts.Dialer.Dial("tcp", server.Host)
}

// greet says hello.
func greet(nc *nats.Conn, server *url.URL, conn net.Conn) (*session, error) {
	opts := &nc.Opts
	if err := conn.SetDeadline(time.Now().Add(opts.Timeout)); err != nil {
		return nil, fmt.Errorf("wire: %w: %w", err, nats.ErrDisconnected)
	}
	s := &session{conn: conn, frames: newFrameReader(conn)}
	secure := opts.Secure || server.Scheme == "tls"
	if secure && opts.TLSHandshakeFirst {
		if err := s.secure(nc, server); err != nil {
			return nil, err
		}
	}
	var f Frame
	op, err := s.frames.next(&f)
	if err != nil {
		return nil, fmt.Errorf("wire: greeting: %w: %w", err, nats.ErrDisconnected)
	}
	var i info
	if op != opInfo || json.Unmarshal(f.line, &i) != nil {
		return nil, fmt.Errorf("wire: the server does not begin with INFO: %w", errProtocol)
	}
	if !i.Headers {
		return nil, fmt.Errorf("wire: %w", nats.ErrHeadersNotSupported)
	}
	if (secure || i.TLSRequired) && !opts.TLSHandshakeFirst {
		if err := s.secure(nc, server); err != nil {
			return nil, err
		}
		secure = true
	}
	s.maxPayload = i.MaxPayload
	h := hello{
		TLSRequired: secure, Name: opts.Name + nameSuffix, Lang: "go", Version: nats.Version, Protocol: 1,
		Echo: !opts.NoEcho, Headers: true, NoResponders: true,
	}
	if err := h.identify(opts, server, i.Nonce); err != nil {
		return nil, fmt.Errorf("wire: %w", err)
	}
	return s, s.introduce(h)
}

// secure goes on over TLS, unless the dialer has seen to that.
func (s *session) secure(nc *nats.Conn, server *url.URL) error {
	opts := &nc.Opts
	if d, ok := opts.CustomDialer.(interface{ SkipTLSHandshake() bool }); ok && d.SkipTLSHandshake() {
		return nil
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if opts.TLSConfig != nil {
		conf = opts.TLSConfig.Clone()
	}
	if opts.TLSCertCB != nil {
		cert, err := opts.TLSCertCB()
		if err != nil {
			return fmt.Errorf("wire: %w", err)
		}
		conf.Certificates = []tls.Certificate{cert}
	}
	if opts.RootCAsCB != nil {
		roots, err := opts.RootCAsCB()
		if err != nil {
			return fmt.Errorf("wire: %w", err)
		}
		conf.RootCAs = roots
	}
	if conf.ServerName == "" {
		conf.ServerName = nameOf(nc, server)
	}
	secured := tls.Client(s.conn, conf)
	if err := secured.Handshake(); err != nil {
		return fmt.Errorf("wire: TLS: %w: %w", err, nats.ErrDisconnected)
	}
	s.conn, s.frames = secured, newFrameReader(secured)
	return nil
}

// nameOf returns the name that a server's certificate must have. Servers of a
// cluster tell each other's addresses only: for one of these it is the name that
// nc has asked for, which it knows from the server before.
func nameOf(nc *nats.Conn, server *url.URL) string {
	name := server.Hostname()
	if net.ParseIP(name) == nil {
		return name
	}
	if state, err := nc.TLSConnectionState(); err == nil && state.ServerName != "" {
		return state.ServerName
	}
	return name
}

// identify says who connects, as nats.go would.
func (h *hello) identify(opts *nats.Options, server *url.URL, nonce string) (err error) {
	if server.User != nil {
		password, isUser := server.User.Password()
		if isUser {
			h.User, h.Password = server.User.Username(), password
		} else {
			h.Token = server.User.Username()
		}
	} else {
		h.User, h.Password, h.Token, h.NKey = opts.User, opts.Password, opts.Token, opts.Nkey
		if opts.UserInfo != nil {
			h.User, h.Password = opts.UserInfo()
		}
	}
	if opts.TokenHandler != nil {
		h.Token = opts.TokenHandler()
	}
	if opts.UserJWT != nil {
		if h.JWT, err = opts.UserJWT(); err != nil {
			return err
		}
	}
	if h.JWT == "" && h.NKey == "" {
		return nil
	}
	if opts.SignatureCB == nil {
		return nats.ErrUserButNoSigCB
	}
	signature, err := opts.SignatureCB([]byte(nonce))
	h.Signature = base64.RawURLEncoding.EncodeToString(signature)
	return err
}

// introduce sends the hello, and waits until the server has taken it.
func (s *session) introduce(h hello) error {
	raw, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("wire: %w", err)
	}
	if _, err := s.conn.Write(fmt.Appendf(nil, "CONNECT %s\r\nPING\r\n", raw)); err != nil {
		return fmt.Errorf("wire: connect: %w: %w", err, nats.ErrDisconnected)
	}
	for {
		var f Frame
		op, err := s.frames.next(&f)
		switch {
		case err != nil:
			return fmt.Errorf("wire: connect: %w: %w", err, nats.ErrDisconnected)
		case op == opError && strings.Contains(strings.ToLower(string(f.line)), "authorization"):
			return fmt.Errorf("wire: connect: %w", nats.ErrAuthorization)
		case op == opError:
			return fmt.Errorf("wire: connect: the server says %s: %w", f.line, nats.ErrDisconnected)
		case op == opPong:
			if err := s.conn.SetDeadline(time.Time{}); err != nil {
				return fmt.Errorf("wire: %w: %w", err, nats.ErrDisconnected)
			}
			return nil
		}
	}
}
