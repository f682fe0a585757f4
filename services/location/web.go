package location

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"code.dny.dev/ssrf"

	"github.com/docsaga/docsaga/services/runner"
)

// Web says which HTTP servers may be asked, and how long for. The zero Web
// allows every public address on ports 80 and 443. Which address a name has is
// looked at when it is dialled, so no name service can lead inside.
type Web struct {
	Off       bool           // no http and https locations
	Schemes   []string       // default http, https
	Ports     []uint16       // default 80, 443
	Hosts     []string       // if any, only these; ".example.com" is whatever is below it
	Networks  []netip.Prefix // allowed although they are not public, such as 10.1.2.0/24
	Redirects int            // at most so many; default 5, less than 0 is none
	Timeouts  Timeouts
	Resolver  *net.Resolver // default the system's
}

// azureHost is a virtual public address by which machines in Azure reach their
// host's configuration. It is in no registry of special addresses.
const azureHost = "168.63.129.16/32"

// web fetches over HTTP/1.1. It keeps no connection, no cookie and no cache.
type web struct {
	conf      Web
	transport *http.Transport
}

func newWeb(conf Web) (*web, error) {
	if len(conf.Schemes) == 0 {
		conf.Schemes = []string{"http", "https"}
	}
	for _, s := range conf.Schemes {
		if s != "http" && s != "https" {
			return nil, fmt.Errorf("location: scheme %q: want http or https", s)
		}
	}
	if len(conf.Ports) == 0 {
		conf.Ports = []uint16{80, 443}
	}
	if conf.Redirects == 0 {
		conf.Redirects = 5
	}
	if err := conf.Timeouts.fill(); err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: conf.Timeouts.Connect, Resolver: conf.Resolver, Control: guard(conf)}
	return &web{conf: conf, transport: &http.Transport{
		Proxy:                  nil, // a proxy would be asked to connect in our place
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    conf.Timeouts.Connect,
		ResponseHeaderTimeout:  conf.Timeouts.Idle,
		MaxResponseHeaderBytes: 256 << 10,
		DisableCompression:     true, // no bomb is unpacked here
		DisableKeepAlives:      true,
	}}, nil
}

// guard returns what looks at each address before it is connected to.
func guard(conf Web) func(network, address string, c syscall.RawConn) error {
	var v4, v6 []netip.Prefix
	for _, n := range conf.Networks {
		if n.Addr().Is4() {
			v4 = append(v4, n)
		} else {
			v6 = append(v6, n)
		}
	}
	return ssrf.New(ssrf.WithPorts(conf.Ports...), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...),
		ssrf.WithDeniedV4Prefixes(netip.MustParsePrefix(azureHost))).Safe
}

func (w *web) open(ctx context.Context, _ runner.Visit, location string) (found, error) {
	u, err := url.Parse(location)
	if err != nil {
		return found{}, runner.Reject(ReasonNotAllowed, "the location is no URL")
	}
	fetch := newFetch(ctx, w.conf.Timeouts)
	answer, err := w.follow(fetch.ctx, u) //nolint:bodyclose,contextcheck // patient closes it; it inherits from ctx by newFetch
	if err != nil {
		fetch.end()
		return found{}, err
	}
	body := fetch.patient(answer.Body)
	if err := status(answer); err != nil {
		return found{}, errors.Join(err, body.Close())
	}
	return found{body: body, name: nameOf(answer), size: answer.ContentLength, note: note(answer)}, nil
}

// follow asks for the URL and goes along with redirects, each of which must be
// allowed as the first one is. The redirects are followed by hand, for
// http.Client would tell the next server, and the log, the whole of the last
// URL.
func (w *web) follow(ctx context.Context, u *url.URL) (*http.Response, error) {
	user := u.User
	u.User = nil // a relative redirect would carry it on
	for hop := 0; ; hop++ {
		if err := w.allowed(u); err != nil {
			return nil, err
		}
		answer, err := w.ask(ctx, u, user)
		if err != nil {
			return nil, err
		}
		switch answer.StatusCode {
		case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		default:
			return answer, nil
		}
		if err := answer.Body.Close(); err != nil {
			return nil, fmt.Errorf("location: fetch from %s: %w: %w", u.Host, ErrUnreachable, err)
		}
		if hop >= w.conf.Redirects {
			return nil, runner.Reject(ReasonNotAllowed, "the server redirects more than %d times", max(0, w.conf.Redirects))
		}
		next, err := redirected(u, answer.Header.Get("Location"))
		if err != nil {
			return nil, err
		}
		if next.Host != u.Host || next.Scheme != u.Scheme {
			user = nil
		}
		u = next
	}
}

// redirected returns where a server sends us on to.
func redirected(from *url.URL, location string) (*url.URL, error) {
	next, err := from.Parse(location)
	switch {
	case err != nil || location == "":
		return nil, runner.Reject(ReasonNotAllowed, "the server redirects to what is no URL")
	case from.Scheme == "https" && next.Scheme == "http":
		return nil, runner.Reject(ReasonNotAllowed, "the server redirects from https to http")
	case next.User != nil:
		return nil, runner.Reject(ReasonNotAllowed, "the server redirects to a URL with credentials")
	}
	return next, nil
}

// allowed returns nil if the URL may be asked for, as far as it can be told
// without its address.
func (w *web) allowed(u *url.URL) error {
	if !slices.Contains(w.conf.Schemes, u.Scheme) {
		return runner.Reject(ReasonNotAllowed, "the scheme is none of %s", strings.Join(w.conf.Schemes, ", "))
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if host == "" || u.Opaque != "" {
		return runner.Reject(ReasonNotAllowed, "the URL names no host")
	}
	port := map[string]uint64{"http": 80, "https": 443}[u.Scheme]
	if p := u.Port(); p != "" {
		port, _ = strconv.ParseUint(p, 10, 16) // 0, if it is none, is allowed nowhere
	}
	if !slices.Contains(w.conf.Ports, uint16(port)) {
		return runner.Reject(ReasonNotAllowed, "port %d is not allowed", port)
	}
	known := len(w.conf.Hosts) == 0 || slices.ContainsFunc(w.conf.Hosts, func(h string) bool {
		h = strings.ToLower(h)
		return h == host || strings.HasPrefix(h, ".") && strings.HasSuffix(host, h)
	})
	if !known {
		return runner.Reject(ReasonNotAllowed, "the host is not one of those that are allowed")
	}
	return nil
}

// ask sends one request and returns the answer, whatever its status.
func (w *web) ask(ctx context.Context, u *url.URL, user *url.Userinfo) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, runner.Reject(ReasonNotAllowed, "the location is no URL that can be asked for")
	}
	request.Header.Set("User-Agent", "docsaga")
	request.Header.Set("Accept", "application/pdf, application/octet-stream;q=0.9, */*;q=0.1")
	request.Header.Set("Accept-Encoding", "identity")
	if user != nil {
		password, _ := user.Password()
		request.SetBasicAuth(user.Username(), password)
	}
	answer, err := w.transport.RoundTrip(request)
	switch {
	case err == nil:
		return answer, nil
	case errors.Is(err, ssrf.ErrProhibitedIP), errors.Is(err, ssrf.ErrProhibitedNetwork), errors.Is(err, ssrf.ErrInvalidHostPort):
		return nil, runner.Reject(ReasonNotAllowed, "the host has an address that is not public")
	case errors.Is(err, ssrf.ErrProhibitedPort):
		return nil, runner.Reject(ReasonNotAllowed, "the port is not allowed")
	}
	return nil, fmt.Errorf("location: fetch from %s: %w: %w", u.Host, ErrUnreachable, because(ctx, err))
}

// status returns nil if the answer brings a document, a rejection if it is a
// no, and an error to be tried again if another answer may come.
func status(answer *http.Response) error {
	code := answer.StatusCode
	switch {
	case code == http.StatusOK:
		return nil
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusProxyAuthRequired, code == http.StatusUnavailableForLegalReasons:
		return runner.Reject(ReasonNotAllowed, "the server answers %d: it does not give the document to us", code)
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		return fmt.Errorf("location: fetch from %s: %w: status %d", answer.Request.URL.Host, ErrUnreachable, code)
	}
	return runner.Reject(ReasonNotFound, "the server answers %d, without a document", code)
}

// nameOf returns the file name that the server gives (RFC 6266), or the last
// part of the URL's path.
func nameOf(answer *http.Response) string {
	_, params, err := mime.ParseMediaType(answer.Header.Get("Content-Disposition"))
	if err == nil && params["filename"] != "" {
		return params["filename"]
	}
	return path.Base(answer.Request.URL.Path)
}

// note returns what the headers say about content that turns out to be no PDF.
func note(answer *http.Response) string {
	if e := answer.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return "the server sent it compressed although it was asked not to"
	}
	return ""
}
