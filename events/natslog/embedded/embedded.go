// Package embedded runs a NATS server with JetStream inside the process.
package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/docsaga/docsaga/events/natslog"
)

// ErrInUse reports that another process uses the directory.
var ErrInUse = errors.New("the data directory is used by another process")

// ErrPortTaken reports that another program listens on the address.
var ErrPortTaken = errors.New("the address is taken by another program")

const startTimeout = 20 * time.Second

// Config says what kind of server to start.
type Config struct {
	Dir        string             // where it keeps its data; needed
	Addr       string             // host:port to listen on, port 0 for a free one; empty: this process only
	Durability natslog.Durability // default [natslog.Strict]
	ServerName string             // default docsaga
	MaxPayload int                // bytes a message; default 1 MiB
	Logger     *slog.Logger       // default slog.Default()
	Cluster    *Cluster           // nil: one server
	// Before is called once the directory belongs to this process, before the
	// server opens it; its error stops the start. It may be nil.
	Before func(dir string) error
}

// A Cluster makes the server one of several.
type Cluster struct {
	Name   string
	Addr   string   // host:port for the other servers
	Routes []string // nats://host:port of the other servers
	// Advertise is the host:port that the other servers tell each other of this
	// one; default Addr.
	Advertise string
}

// A Server is a running server.
type Server struct {
	server *server.Server
	lock   *os.File
	log    *slog.Logger
	name   string
}

// Start starts a server and waits until it takes connections. The error wraps
// [ErrInUse] or [ErrPortTaken] where that is the reason.
func Start(conf Config) (*Server, error) {
	if conf.Dir == "" {
		return nil, errors.New("embedded: no data directory given")
	}
	if conf.Durability == "" {
		conf.Durability = natslog.Strict
	}
	if conf.ServerName == "" {
		conf.ServerName = "docsaga"
	}
	if conf.Logger == nil {
		conf.Logger = slog.Default()
	}
	opts, err := conf.options()
	if err == nil {
		opts.JetStreamMaxStore, err = room(conf.Dir)
	}
	if err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	lock, err := lockDir(conf.Dir)
	if err != nil {
		return nil, fmt.Errorf("embedded: %s: %w", conf.Dir, err)
	}
	s := &Server{lock: lock, log: conf.Logger, name: conf.ServerName}
	if conf.Before != nil {
		if err := conf.Before(conf.Dir); err != nil {
			s.Stop()
			return nil, fmt.Errorf("embedded: %w", err)
		}
	}
	if err := s.start(opts, conf.Logger); err != nil {
		s.Stop()
		return nil, fmt.Errorf("embedded: start: %w", err)
	}
	return s, nil
}

func (c Config) options() (*server.Options, error) {
	opts := &server.Options{
		ServerName: c.ServerName, DontListen: true,
		JetStream: true, StoreDir: c.Dir,
		SyncAlways: c.Durability == natslog.Strict,
		NoSigs:     true, NoSystemAccount: false,
		JetStreamMaxMemory: 256 << 20,
		MaxPayload:         server.MAX_PAYLOAD_SIZE, WriteDeadline: 10 * time.Second,
	}
	if c.MaxPayload > 0 {
		opts.MaxPayload = int32(min(c.MaxPayload, server.MAX_PAYLOAD_MAX_SIZE))
	}
	if c.Durability == natslog.Strict {
		opts.SyncInterval = time.Second // of what is not synced with each message, such as indexes
	}
	if c.Addr != "" {
		host, port, err := hostPort(c.Addr)
		if err != nil {
			return nil, err
		}
		opts.DontListen, opts.Host, opts.Port = false, host, port
	}
	if c.Cluster != nil {
		host, port, err := hostPort(c.Cluster.Addr)
		if err != nil {
			return nil, err
		}
		opts.Cluster = server.ClusterOpts{Name: c.Cluster.Name, Host: host, Port: port, Advertise: c.Cluster.Advertise}
		opts.Routes = server.RoutesFromStr(strings.Join(c.Cluster.Routes, ","))
	}
	return opts, nil
}

// hostPort reads an address, and looks whether it is free: the server itself
// would end the process if it is not.
func hostPort(addr string) (host string, port int, err error) {
	listener, err := net.Listen("tcp", addr)
	if errors.Is(err, errAddrInUse) {
		return "", 0, fmt.Errorf("listen on %s: %w", addr, ErrPortTaken)
	}
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = listener.Close() }() // nothing was written
	if host, _, err = net.SplitHostPort(addr); err != nil {
		return "", 0, err
	}
	if host == "" {
		host = "0.0.0.0"
	}
	found, err := netip.ParseAddrPort(listener.Addr().String())
	if err != nil {
		return "", 0, err
	}
	return host, int(found.Port()), nil
}

func (s *Server) start(opts *server.Options, log *slog.Logger) (err error) {
	if s.server, err = server.NewServer(opts); err != nil {
		return err
	}
	quiet := &logger{log: log.With("component", "nats-server"), fatal: make(chan string, 1)}
	s.server.SetLoggerV2(quiet, false, false, false)
	s.server.Start()
	if s.server.ReadyForConnections(startTimeout) {
		return nil
	}
	select {
	case why := <-quiet.fatal:
		return errors.New(why)
	default:
		return fmt.Errorf("not ready after %v", startTimeout)
	}
}

// Connect connects to the server within the process, without a socket.
func (s *Server) Connect() (*nats.Conn, error) {
	return natslog.Connect("", natslog.ConnectOptions{Name: s.name, InProcess: s.server, Logger: s.log})
}

// URL returns where other processes reach the server; empty if they cannot.
func (s *Server) URL() string {
	if addr, ok := s.server.Addr().(*net.TCPAddr); ok {
		host := addr.IP.String()
		if addr.IP.IsUnspecified() {
			host = "127.0.0.1"
		}
		return "nats://" + net.JoinHostPort(host, strconv.Itoa(addr.Port))
	}
	return ""
}

// Stop stops the server, waits until it has written what it holds, and frees
// the directory.
func (s *Server) Stop() {
	if s.server != nil {
		s.server.Shutdown()
		s.server.WaitForShutdown()
	}
	if s.lock != nil {
		_ = s.lock.Close() // frees the lock
		s.lock = nil
	}
}

// keepFree is how much of the disk the server must leave. Once the disk is
// full it answers no more until it is started again; at a limit it refuses
// what comes and goes on when there is room.
const keepFree = 256 << 20

// room returns how many bytes the server may store: what it has stored and
// what is free, but for a rest.
func room(dir string) (int64, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return 0, err
	}
	free, err := freeBytes(dir)
	if err != nil {
		return 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // another server is at work; the lock will tell
		}
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		if info, err := entry.Info(); err == nil {
			free += info.Size()
		}
		return nil
	})
	return max(free-keepFree, keepFree), err
}

func lockFile(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	return os.OpenFile(filepath.Join(dir, "docsaga.lock"), os.O_CREATE|os.O_RDWR, 0o600)
}
