package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// tuning is how PostgreSQL is started: durable, with the quarter of a
// gigabyte that holds all of a round's tables, and so much room for its log
// that no checkpoint falls into a round
// (https://www.postgresql.org/docs/current/runtime-config-wal.html). 200
// connections are more than any peer opens.
const tuning = "-c fsync=on -c shared_buffers=256MB -c max_wal_size=4GB -c checkpoint_timeout=30min -c max_connections=200"

// A postgres is a server that was started for one comparison, in a directory
// and at a port of its own, so that it is nobody else's.
type postgres struct {
	script string
	env    []string
	dir    string
	url    string
}

// startPostgres installs what is absent and starts a server. If the context
// ends meanwhile, it stops what there is.
func startPostgres(ctx context.Context, script string) (*postgres, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "docsaga-peers-")
	if err != nil {
		return nil, err
	}
	p := &postgres{script: script, dir: dir, env: append(os.Environ(),
		"DOCSAGA_TEST_DIR="+dir, "DOCSAGA_TEST_POSTGRES_PORT="+strconv.Itoa(port), "DOCSAGA_TEST_POSTGRES_OPTIONS="+tuning)}
	out, err := p.call("start")
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	p.url = strings.TrimSpace(out)
	return p, nil
}

// stop stops the server and removes its data.
func (p *postgres) stop() error {
	_, err := p.call("stop")
	return errors.Join(err, os.RemoveAll(p.dir))
}

// call runs the script to its end: an interrupt must not leave half a server.
func (p *postgres) call(verb string) (string, error) {
	cmd := exec.Command(p.script, verb)
	var out, said bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, &out, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", p.script, verb, err, bytes.TrimSpace(said.Bytes()))
	}
	return out.String(), nil
}

func freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a port: %w", err)
	}
	defer l.Close() //nolint:errcheck // it took no connection
	return l.Addr().(*net.TCPAddr).Port, nil
}
