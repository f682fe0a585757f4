package wire_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/docsaga/docsaga/events/natslog/wire"
)

func as(address, user string) string { return strings.Replace(address, "://", "://"+user+"@", 1) }

func TestItIsTheSameUserAsNatsGo(t *testing.T) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	password := server.Options{Username: "ann", Password: "p@ss:w/rd"}
	token := server.Options{Authorization: "to/ken"}
	for name, kind := range map[string]struct {
		opts    server.Options
		inURL   string
		options []nats.Option
		user    string // as the server lists it
	}{
		"nobody":              {},
		"a user in the URL":   {opts: password, inURL: url.UserPassword("ann", "p@ss:w/rd").String(), user: "ann"},
		"a user":              {opts: password, options: []nats.Option{nats.UserInfo("ann", "p@ss:w/rd")}, user: "ann"},
		"a user from a func":  {opts: password, options: []nats.Option{nats.UserInfoHandler(func() (string, string) { return "ann", "p@ss:w/rd" })}, user: "ann"},
		"a token in the URL":  {opts: token, inURL: url.User("to/ken").String(), user: "[REDACTED]"},
		"a token":             {opts: token, options: []nats.Option{nats.Token("to/ken")}, user: "[REDACTED]"},
		"a token from a func": {opts: token, options: []nats.Option{nats.TokenHandler(func() string { return "to/ken" })}, user: "[REDACTED]"},
		"an nkey": {
			opts: server.Options{Nkeys: []*server.NkeyUser{{Nkey: public}}}, options: []nats.Option{nats.Nkey(public, pair.Sign)}, user: public,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, kind.opts)
			address := s.ClientURL()
			if kind.inURL != "" {
				address = as(address, kind.inURL)
			}
			roundTrip(t, open(t, connect(t, address, kind.options...), quiet()))
			conns, err := s.Connz(&server.ConnzOptions{Username: true})
			if err != nil || len(conns.Conns) != 2 {
				t.Fatalf("%d connections, %v, want 2", len(conns.Conns), err)
			}
			for _, c := range conns.Conns {
				if kind.user != "" && c.AuthorizedUser != kind.user || c.Name != "test" && c.Name != "test/log" {
					t.Errorf("%s is user %s, want %s", c.Name, c.AuthorizedUser, kind.user)
				}
			}
		})
	}
}

// credentials makes an operator, an account and a user that may publish so many
// bytes at once. It returns what a server must know, and the user's file.
func credentials(t *testing.T, payload int64) (opts server.Options, file string) {
	t.Helper()
	key := func(of func() (nkeys.KeyPair, error)) (pair nkeys.KeyPair, public string) {
		pair, err := of()
		if err != nil {
			t.Fatal(err)
		}
		if public, err = pair.PublicKey(); err != nil {
			t.Fatal(err)
		}
		return pair, public
	}
	signed := func(text string, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	operator, operatorID := key(nkeys.CreateOperator)
	account, accountID := key(nkeys.CreateAccount)
	user, userID := key(nkeys.CreateUser)
	accounts := &server.MemAccResolver{}
	if err := accounts.Store(accountID, signed(jwt.NewAccountClaims(accountID).Encode(operator))); err != nil {
		t.Fatal(err)
	}
	claims := jwt.NewUserClaims(userID)
	claims.Limits.Payload = payload
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	all, err := jwt.FormatUserConfig(signed(claims.Encode(account)), seed)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "user.creds")
	if err := os.WriteFile(file, all, 0o600); err != nil {
		t.Fatal(err)
	}
	return server.Options{TrustedKeys: []string{operatorID}, AccountResolver: accounts}, file
}

func TestAUserWithCredentialsMayPublishWhatIsItsOwnLimit(t *testing.T) {
	const limit = 1000
	opts, file := credentials(t, limit)
	s := serve(t, opts)
	c := open(t, connect(t, s.ClientURL(), nats.UserCredentials(file)), quiet())
	roundTrip(t, c)
	if err := c.Publish(&wire.Outgoing{Subject: "s", Data: make([]byte, limit+1)}); !errors.Is(err, nats.ErrMaxPayload) {
		t.Errorf("more than the user may: %v, want %v", err, nats.ErrMaxPayload)
	}
	if err := c.Publish(&wire.Outgoing{Subject: "s", Data: make([]byte, limit)}); err != nil {
		t.Error(err)
	}
	roundTrip(t, c)
}

func TestARefusedUserIsAnErrorThatTellsNoSecret(t *testing.T) {
	s := serve(t, server.Options{Username: "ann", Password: "right"})
	passwords := make(chan string, 2)
	passwords <- "right"
	passwords <- "secret"
	nc := connect(t, s.ClientURL(), nats.UserInfoHandler(func() (string, string) { return "ann", <-passwords }))
	if _, err := wire.Open(nc, quiet()); !errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrDisconnected) || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want %v", err, nats.ErrAuthorization)
	}
}

func TestWhyItCannotConnectAgainIsLoggedOnceWithoutSecrets(t *testing.T) {
	s := serve(t, server.Options{Username: "ann", Password: "right"})
	passwords := make(chan string, 100)
	for _, password := range []string{"right", "right", "secret", "secret", "secret", "right"} {
		passwords <- password
	}
	log, logged := recorded()
	nc := connect(t, s.ClientURL(), nats.UserInfoHandler(func() (string, string) { return "ann", <-passwords }))
	c := open(t, nc, log)
	roundTrip(t, c)
	cut(t, s)
	until(t, func() bool { return len(passwords) == 0 && c.Publish(&wire.Outgoing{Subject: "x"}) == nil })
	roundTrip(t, c)
	if line := receive(t, logged); !strings.Contains(line, "authorization") || strings.Contains(line, "secret") || len(logged) != 0 {
		t.Errorf("logged %s and %d lines more", line, len(logged))
	}
}

func TestItConnectsWithinTheProcess(t *testing.T) {
	s, err := server.NewServer(&server.Options{DontListen: true, NoLog: true, NoSigs: true, Username: "ann", Password: "pw"})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { stop(s) })
	nc := connect(t, "", nats.InProcessServer(s), nats.UserInfo("ann", "pw"))
	c := open(t, nc, quiet())
	roundTrip(t, c)
	cut(t, s)
	until(t, func() bool { return c.Publish(&wire.Outgoing{Subject: "x"}) == nil })
}

// An authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	made := a.issue(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	a.cert, a.key = made.Leaf, made.PrivateKey.(*ecdsa.PrivateKey) //nolint:forcetypeassert // see issue
	return a
}

// issue signs a certificate; the first one signs itself.
func (a *authority) issue(t *testing.T, what *x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	what.SerialNumber = big.NewInt(time.Now().UnixNano())
	what.NotBefore, what.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	by, with := a.cert, a.key
	if by == nil {
		by, with = what, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, what, by, &key.PublicKey, with)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}
}

// server returns the settings of a server by these names.
func (a *authority) server(t *testing.T, names ...string) *tls.Config {
	t.Helper()
	what := &x509.Certificate{Subject: pkix.Name{CommonName: "server"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			what.IPAddresses = append(what.IPAddresses, ip)
		} else {
			what.DNSNames = append(what.DNSNames, name)
		}
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{a.issue(t, what)}}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func (a *authority) file(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func secure(address string) string { return strings.Replace(address, "nats://", "tls://", 1) }

func TestItSpeaksTLSAsNatsGoDoes(t *testing.T) {
	a := newAuthority(t)
	client := a.issue(t, &x509.Certificate{Subject: pkix.Name{CommonName: "ann"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	theirs := func(change func(*server.Options)) server.Options {
		opts := server.Options{TLS: true, TLSConfig: a.server(t, "127.0.0.1", "localhost"), TLSTimeout: long.Seconds()}
		if change != nil {
			change(&opts)
		}
		return opts
	}
	verified := func(o *server.Options) {
		o.TLSConfig.ClientCAs, o.TLSConfig.ClientAuth, o.TLSVerify = a.pool(), tls.RequireAndVerifyClientCert, true
	}
	ca := nats.RootCAs(a.file(t))
	ours := &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: a.pool(), Certificates: []tls.Certificate{client}}
	for name, kind := range map[string]struct {
		opts    server.Options
		options []nats.Option
	}{
		"a CA in a file":       {theirs(nil), []nats.Option{ca}},
		"a configuration":      {theirs(nil), []nats.Option{nats.Secure(ours)}},
		"a client certificate": {theirs(verified), []nats.Option{nats.Secure(ours)}},
		"a client certificate from a func": {theirs(verified), []nats.Option{nats.ClientTLSConfig(
			func() (tls.Certificate, error) { return client, nil }, func() (*x509.CertPool, error) { return a.pool(), nil },
		)}},
		"the handshake first": {theirs(func(o *server.Options) { o.TLSHandshakeFirst = true }), []nats.Option{ca, nats.TLSHandshakeFirst()}},
		"if one wants to":     {theirs(func(o *server.Options) { o.AllowNonTLS = true }), []nats.Option{ca}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, kind.opts)
			nc := connect(t, secure(s.ClientURL()), kind.options...)
			roundTrip(t, open(t, nc, quiet()))
			conns, err := s.Connz(nil)
			if err != nil || len(conns.Conns) != 2 {
				t.Fatalf("%d connections, %v, want 2", len(conns.Conns), err)
			}
			for _, c := range conns.Conns {
				if c.TLSVersion == "" {
					t.Errorf("%s does not speak TLS", c.Name)
				}
			}
		})
	}
}

func TestAClientCertificateCountsWithinTheProcess(t *testing.T) {
	a := newAuthority(t)
	client := a.issue(t, &x509.Certificate{DNSNames: []string{"ann"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	conf := a.server(t, "localhost")
	conf.ClientCAs, conf.ClientAuth = a.pool(), tls.RequireAndVerifyClientCert
	s := serve(t, server.Options{
		TLS: true, TLSConfig: conf, TLSTimeout: long.Seconds(), TLSVerify: true, TLSMap: true, Users: []*server.User{{Username: "ann"}},
	})
	ours := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: "localhost", RootCAs: a.pool(), Certificates: []tls.Certificate{client}}
	roundTrip(t, open(t, connect(t, "", nats.InProcessServer(s), nats.Secure(ours)), quiet()))
}

func TestAServerThatCannotProveItsNameIsRefused(t *testing.T) {
	good, bad := newAuthority(t), newAuthority(t)
	var pool atomic.Pointer[x509.CertPool]
	for _, first := range []bool{false, true} {
		s := serve(t, server.Options{
			TLS: true, TLSConfig: good.server(t, "127.0.0.1"), TLSTimeout: long.Seconds(), TLSHandshakeFirst: first, Username: "ann", Password: "secret",
		})
		options := []nats.Option{nats.ClientTLSConfig(
			func() (tls.Certificate, error) { return tls.Certificate{}, nil },
			func() (*x509.CertPool, error) { return pool.Load(), nil },
		)}
		if first {
			options = append(options, nats.TLSHandshakeFirst())
		}
		pool.Store(good.pool())
		nc := connect(t, as(secure(s.ClientURL()), "ann:secret"), options...)
		pool.Store(bad.pool())
		var unknown x509.UnknownAuthorityError
		if _, err := wire.Open(nc, quiet()); !errors.As(err, &unknown) || strings.Contains(err.Error(), "secret") {
			t.Errorf("another authority: got %v", err)
		}
		nc.Opts.RootCAsCB = nil // the system's know nothing of this one
		if _, err := wire.Open(nc, quiet()); !errors.As(err, &unknown) {
			t.Errorf("no authority: got %v", err)
		}
	}
	s := serve(t, server.Options{TLS: true, TLSConfig: good.server(t, "other.example"), TLSTimeout: long.Seconds()})
	conf := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: good.pool(), ServerName: "other.example"}
	roundTrip(t, open(t, connect(t, secure(s.ClientURL()), nats.Secure(conf)), quiet()))
	nc := connect(t, secure(s.ClientURL()), nats.Secure(&tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true})) //nolint:gosec // what comes next does verify
	nc.Opts.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: good.pool()}
	var hostname x509.HostnameError
	if _, err := wire.Open(nc, quiet()); !errors.As(err, &hostname) {
		t.Errorf("another name: got %v", err)
	}
}

func TestNothingIsSaidToAServerThatSpeaksNoTLS(t *testing.T) {
	s := serve(t, server.Options{Username: "ann", Password: "pw"})
	nc := connect(t, s.ClientURL(), nats.UserInfo("ann", "pw"))
	nc.Opts.Secure = true
	if _, err := wire.Open(nc, quiet()); !errors.Is(err, nats.ErrDisconnected) || !strings.Contains(err.Error(), "TLS") {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestAServerThatTheClusterNamedIsFollowed(t *testing.T) {
	if testing.Short() {
		t.Skip("TestAServerThatTheClusterNamedIsFollowed starts a cluster; run without -short")
	}
	a := newAuthority(t)
	node := func(name string, routes ...*url.URL) *server.Server {
		return serve(t, server.Options{
			ServerName: name, TLS: true, TLSConfig: a.server(t, "localhost"), TLSTimeout: long.Seconds(), Username: "ann", Password: "pw",
			Cluster: server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: server.RANDOM_PORT}, Routes: routes,
		})
	}
	first := node("first")
	second := node("second", &url.URL{Scheme: "nats", Host: first.ClusterAddr().String()})
	address := as(strings.Replace(secure(first.ClientURL()), "127.0.0.1", "localhost", 1), "ann:pw")
	nc := connect(t, address, nats.RootCAs(a.file(t)))
	c := open(t, nc, quiet())
	roundTrip(t, c)
	until(t, func() bool { return len(nc.DiscoveredServers()) > 0 })
	stop(first)
	until(t, func() bool { return second.NumClients() == 2 && c.Publish(&wire.Outgoing{Subject: "x"}) == nil })
	roundTrip(t, c) // by its address, it has the name that was asked for
}

func TestAServerWithoutHeadersIsRefused(t *testing.T) {
	nc := connect(t, serve(t, server.Options{NoHeaderSupport: true}).ClientURL())
	if _, err := wire.Open(nc, quiet()); !errors.Is(err, nats.ErrHeadersNotSupported) || errors.Is(err, nats.ErrDisconnected) {
		t.Errorf("got %v, want %v", err, nats.ErrHeadersNotSupported)
	}
}
