package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/natslog/embedded"
	"github.com/docsaga/docsaga/events/signed"
	"github.com/docsaga/docsaga/test/ports"
)

// A site is one or three servers in this process, a log on them, and a
// directory.
type site struct {
	setup   Setup
	dir     string
	servers []*embedded.Server
	nc      *nats.Conn
	log     *natslog.Log
}

// newSite starts the servers and makes the log.
func newSite(ctx context.Context, setup Setup) (s *site, err error) {
	s = &site{setup: setup}
	if s.dir, err = os.MkdirTemp("", "docsaga-bench-"); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	if err := s.start(ctx); err != nil {
		s.close()
		return nil, fmt.Errorf("bench: start servers: %w", err)
	}
	return s, nil
}

func (s *site) start(ctx context.Context) error {
	confs := []embedded.Config{{}}
	if s.setup.Replicas > 1 {
		var err error
		if confs, err = clustered(s.setup.Replicas); err != nil {
			return err
		}
	}
	for i, conf := range confs {
		conf.Dir, conf.Durability, conf.Logger = filepath.Join(s.dir, strconv.Itoa(i)), s.setup.Durability, s.setup.Logger
		server, err := embedded.Start(conf)
		if err != nil {
			return err
		}
		s.servers = append(s.servers, server)
	}
	var err error
	if s.nc, err = s.servers[0].Connect(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	conf := natslog.Config{Shards: s.setup.Shards, Replicas: s.setup.Replicas, Durability: s.setup.Durability}
	if err := natslog.Provision(ctx, s.nc, conf); err != nil {
		return err
	}
	guard, err := s.guard()
	if err != nil {
		return err
	}
	s.log, err = natslog.Open(ctx, s.nc, natslog.Options{Logger: s.setup.Logger, Guard: guard, Seal: s.setup.Seal})
	return err
}

// guard returns what signs and checks the events; nil if nothing is signed.
func (s *site) guard() (events.Guard, error) {
	if !s.setup.signed {
		return nil, nil
	}
	path := filepath.Join(s.dir, "sign-"+rand.Text())
	signer, err := signed.NewKey(path, "all", []string{"*"})
	if err != nil {
		return nil, err
	}
	key, err := signed.LoadKey(path)
	if err != nil {
		return nil, err
	}
	return signed.NewGuard(key, &signed.Signers{List: []signed.Signer{signer}})
}

// clustered returns the configurations of servers that form a cluster.
func clustered(servers int) ([]embedded.Config, error) {
	var addrs, routes []string
	for range servers {
		addr, err := ports.Free()
		if err != nil {
			return nil, err
		}
		addrs, routes = append(addrs, addr), append(routes, "nats://"+addr)
	}
	confs := make([]embedded.Config, servers)
	for i, addr := range addrs {
		confs[i] = embedded.Config{
			Addr: "127.0.0.1:0", ServerName: "bench-" + strconv.Itoa(i),
			Cluster: &embedded.Cluster{Name: "bench", Addr: addr, Routes: routes},
		}
	}
	return confs, nil
}

// stored returns how many events the log holds.
func (s *site) stored(ctx context.Context) (uint64, error) {
	var n uint64
	for shard := range s.setup.Shards {
		last, err := s.log.Last(ctx, shard)
		if err != nil {
			return 0, fmt.Errorf("bench: %w", err)
		}
		n += last
	}
	return n, nil
}

// stop stops the servers; start starts them again.
func (s *site) stop() {
	if s.nc != nil {
		s.nc.Close()
	}
	for _, server := range s.servers {
		server.Stop()
	}
	s.nc, s.servers = nil, nil
}

func (s *site) close() {
	s.stop()
	_ = os.RemoveAll(s.dir) // in the directory for temporary files
}
