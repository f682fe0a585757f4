package location

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// serve starts a server on a loopback address and returns a configuration
// that allows that address, and no other that is not public.
func serve(t *testing.T, h http.Handler) (base string, conf Config) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL, Config{MaxBytes: 1 << 20, Web: Web{
		Ports:    []uint16{80, 443, port(t, server.URL)},
		Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		Timeouts: Timeouts{Connect: 20 * time.Second, Idle: 30 * time.Second, Total: time.Minute}, // guards, on a busy machine
	}}
}

func port(t *testing.T, base string) uint16 {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return uint16(n)
}

// document returns a handler that always gives the document.
func document() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, pdf) }) //nolint:errcheck // the client's side is what is tested
}

// flush sends what has been written so far.
func flush(w http.ResponseWriter) { http.NewResponseController(w).Flush() } //nolint:errcheck // as above

func TestADocumentIsFetchedOnceOverHTTP(t *testing.T) {
	var asked atomic.Int32
	long := pdf + strings.Repeat("z", 300_000)
	base, conf := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if user, password, _ := r.BasicAuth(); user != "u" || password != "p w" || r.URL.RawQuery != "t=1" || r.Header.Get("Accept-Encoding") != "identity" {
			t.Errorf("user %q, query %q, header %v", user, r.URL.RawQuery, r.Header)
		}
		w.Header().Set("Content-Disposition", `attachment; filename="../Rechnung 7.pdf"`)
		io.WriteString(w, long) //nolint:errcheck // as above
	}))
	out := wantStored(t, conf, Input{Location: strings.Replace(base, "//", "//u:p%20w@", 1) + "/x?t=1#f", SHA256: sum(long)}, long)
	if out.Name != "Rechnung 7.pdf" || out.Source != SourceHTTP || asked.Load() != 1 {
		t.Errorf("output %+v after %d requests", out, asked.Load())
	}
}

func TestTheNameComesFromThePathIfTheServerGivesNone(t *testing.T) {
	base, conf := serve(t, document())
	for path, want := range map[string]string{"/a/b%20c.pdf?x=y": "b c.pdf", "/": "document.pdf", "": "document.pdf"} {
		if out := wantStored(t, conf, Input{Location: base + path}, pdf); out.Name != want {
			t.Errorf("%s: name %q, want %q", path, out.Name, want)
		}
	}
}

func TestStatusesAreNoOrNotYet(t *testing.T) {
	base, conf := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code, err := strconv.Atoi(r.URL.Path[1:])
		if err != nil {
			t.Error(err)
		}
		w.WriteHeader(code)
		if code != http.StatusNoContent && code != http.StatusNotModified {
			io.WriteString(w, pdf) //nolint:errcheck // as above
		}
	}))
	for code, reason := range map[int]string{
		204: ReasonNotFound, 206: ReasonNotFound, 304: ReasonNotFound, 400: ReasonNotFound, 401: ReasonNotAllowed, 403: ReasonNotAllowed,
		404: ReasonNotFound, 405: ReasonNotFound, 407: ReasonNotAllowed, 410: ReasonNotFound, 416: ReasonNotFound, 451: ReasonNotAllowed,
	} {
		wantRejected(t, conf, Input{Location: fmt.Sprintf("%s/%d", base, code)}, reason)
	}
	for _, code := range []int{408, 425, 429, 500, 502, 503, 504, 599} {
		wantRetry(t, conf, Input{Location: fmt.Sprintf("%s/%d", base, code)}, ErrUnreachable)
	}
}

func TestAddressesThatAreNotPublicAreRefusedWhenDialled(t *testing.T) {
	var asked atomic.Int32
	base, conf := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	p := strconv.Itoa(int(conf.Web.Ports[2]))
	conf.Web.Networks = nil
	for _, host := range []string{
		"127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0", "[::]", "0",
		"10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "[fe80::1]", "[fd00::1]", "[fd00:ec2::254]", "168.63.129.16",
		"[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]", "224.0.0.1", "255.255.255.255", "[ff02::1]", "198.18.0.1", "192.0.0.192",
	} {
		_, _, err := do(t, conf, Input{Location: "http://" + host + ":" + p + "/a.pdf"})
		if !isNotAllowed(err) && !odd(host, err) {
			t.Errorf("%s: %v, want %s", host, err, ReasonNotAllowed)
		}
	}
	wantRejected(t, conf, Input{Location: base}, ReasonNotAllowed)
	if n := asked.Load(); n > 0 {
		t.Errorf("the server was asked %d times, want never", n)
	}
}

// odd spellings of an address are names to Go, which a name service may not
// know: that is no connection either.
func odd(host string, err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && !strings.Contains(host, ":") && strings.Trim(host, "0123456789") != "..."
}

func TestOnlyListedPortsSchemesAndHostsAreAsked(t *testing.T) {
	var asked atomic.Int32
	base, conf := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { asked.Add(1); io.WriteString(w, pdf) })) //nolint:errcheck // as above
	p := port(t, base)
	change := func(f func(*Web)) Config { c := conf; f(&c.Web); return c }
	for name, c := range map[string]Config{
		"port":   change(func(w *Web) { w.Ports = nil }),
		"scheme": change(func(w *Web) { w.Schemes = []string{"https"} }),
		"host":   change(func(w *Web) { w.Hosts = []string{"example.com", ".0.0.2"} }),
		"off":    change(func(w *Web) { w.Off = true }),
	} {
		if m := wantRejected(t, c, Input{Location: base + "/?secret"}, ReasonNotAllowed); strings.Contains(m, "secret") {
			t.Errorf("%s: the message %q tells the query", name, m)
		}
	}
	for _, u := range []string{"http://", "http:///a.pdf", "http:a.pdf", "http://:80/", "http://h:99999/", "http://h:x/", "http://[::1/", "http://h\x7f/", "http://a b/"} {
		wantRejected(t, conf, Input{Location: u}, ReasonNotAllowed)
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("the server was asked %d times, want never", n)
	}
	wantStored(t, change(func(w *Web) { w.Hosts = []string{".0.0.1", "x"} }), Input{Location: fmt.Sprintf("HTTP://127.0.0.1:%d/", p)}, pdf)
}

func TestRedirectsAreFollowedAndCheckedEachTime(t *testing.T) {
	private := httptest.NewServer(document())
	defer private.Close()
	var base string
	base, conf := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ref := r.Header.Get("Referer"); ref != "" {
			t.Errorf("the next server is told %q", ref)
		}
		if user, _, ok := r.BasicAuth(); ok != (r.URL.Path == "/three" || r.URL.Path == "/two" || r.URL.Path == "/end") && r.URL.Path != "/loop" {
			t.Errorf("%s: user %q %v", r.URL.Path, user, ok)
		}
		to := map[string]string{
			"/three": "/two", "/two": "end", "/loop": "/loop", "/metadata": "http://169.254.169.254/latest/meta-data/", "/localhost": "http://[::1]:80/",
			"/file": "file:///etc/passwd", "/gopher": "gopher://127.0.0.1:25/", "/port": "http://127.0.0.1:22/", "/user": "http://x:y@127.0.0.1/",
			"/none": "", "/bad": "http://%zz/", "/private": strings.Replace(private.URL, "127.0.0.1", "127.0.0.2", 1),
		}
		if location, ok := to[r.URL.Path]; ok {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusFound)
			return
		}
		io.WriteString(w, pdf) //nolint:errcheck // as above
	}))
	conf.Web.Ports = append(conf.Web.Ports, port(t, private.URL))
	withUser := strings.Replace(base, "//", "//u:p@", 1)
	if out := wantStored(t, conf, Input{Location: withUser + "/three"}, pdf); out.Name != "end" {
		t.Errorf("name %q, want that of the last URL", out.Name)
	}
	for _, path := range []string{"/metadata", "/localhost", "/file", "/gopher", "/port", "/user", "/none", "/bad", "/private"} {
		wantRejected(t, conf, Input{Location: base + path}, ReasonNotAllowed)
	}
	conf.Web.Redirects = 3
	wantRejected(t, conf, Input{Location: base + "/loop"}, ReasonNotAllowed)
	conf.Web.Redirects = -1
	wantRejected(t, conf, Input{Location: withUser + "/two"}, ReasonNotAllowed)
}

func TestARedirectNeverGivesUpTLS(t *testing.T) {
	from := &url.URL{Scheme: "https", Host: "example.com", Path: "/a"}
	if _, err := redirected(from, "http://example.com/a"); !isNotAllowed(err) {
		t.Errorf("https to http: %v", err)
	}
	if to, err := redirected(from, "//example.org/b"); err != nil || to.String() != "https://example.org/b" {
		t.Errorf("https to https: %v, %v", to, err)
	}
}

func TestARedirectToAnotherServerTakesNoCredentialsAlong(t *testing.T) {
	other, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := r.Header.Get("Authorization"); h != "" {
			t.Errorf("the other server is told %q", h)
		}
		io.WriteString(w, pdf) //nolint:errcheck // as above
	}))
	base, conf := serve(t, http.RedirectHandler(other, http.StatusFound))
	conf.Web.Ports = append(conf.Web.Ports, port(t, other))
	wantStored(t, conf, Input{Location: strings.Replace(base, "//", "//u:p@", 1)}, pdf)
}

func TestANameThatChangesItsAddressLeadsNowhere(t *testing.T) {
	var asked atomic.Int32
	var name string
	base, conf := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.Redirect(w, r, name, http.StatusFound) // to itself: the name is looked up anew
	}))
	name = fmt.Sprintf("http://rebind.example:%d/", port(t, base))
	dns := &nameServer{answers: []string{"127.0.0.1", "127.0.0.2"}} // the second one is not allowed
	conf.Web.Resolver = dns.resolver()
	wantRejected(t, conf, Input{Location: name}, ReasonNotAllowed)
	if asked.Load() != 1 {
		t.Errorf("the server was asked %d times, want once", asked.Load())
	}
	conf.Web.Networks = nil // now the first one is not allowed either
	conf.Web.Resolver = (&nameServer{answers: []string{"127.0.0.1"}}).resolver()
	wantRejected(t, conf, Input{Location: name}, ReasonNotAllowed)
	if asked.Load() != 1 {
		t.Errorf("the server was asked again")
	}
}

func TestAServerThatIsDownIsTriedAgain(t *testing.T) {
	base, conf := serve(t, document())
	server := httptest.NewServer(document())
	conf.Web.Ports = append(conf.Web.Ports, port(t, server.URL))
	server.Close()
	m := wantRetry(t, conf, Input{Location: strings.Replace(server.URL, "//", "//user:hunter2@", 1) + "/p?token=hunter2"}, ErrUnreachable)
	if strings.Contains(m, "hunter2") {
		t.Errorf("the error tells credentials: %s", m)
	}
	wantRetry(t, conf, Input{Location: strings.Replace(base, "http:", "https:", 1)}, ErrUnreachable) // no TLS there
	conf.Web.Resolver = (&nameServer{}).resolver()
	wantRetry(t, conf, Input{Location: "http://nobody.example/"}, ErrUnreachable)
}

func TestAnAnswerThatIsTooSlowIsTriedAgain(t *testing.T) {
	base, conf := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/headers" {
			io.WriteString(w, pdf) //nolint:errcheck // as above
			flush(w)
		}
		drip := time.NewTicker(20 * time.Millisecond)
		defer drip.Stop()
		for r.URL.Path == "/drip" { // never idle, never done
			select {
			case <-drip.C:
				io.WriteString(w, ".") //nolint:errcheck // as above
				flush(w)
			case <-r.Context().Done():
				return
			}
		}
		<-r.Context().Done()
	}))
	conf.Web.Timeouts = Timeouts{Idle: 150 * time.Millisecond, Total: 30 * time.Second}
	wantRetry(t, conf, Input{Location: base + "/headers"}, ErrUnreachable)
	wantRetry(t, conf, Input{Location: base + "/body"}, errIdle)
	conf.Web.Timeouts = Timeouts{Idle: 10 * time.Second, Total: 300 * time.Millisecond}
	wantRetry(t, conf, Input{Location: base + "/drip"}, errTotal)
}

func TestAnEndlessAnswerIsTooLarge(t *testing.T) {
	var sent atomic.Int64
	base, conf := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		piece := []byte(pdf + strings.Repeat("e", 64<<10))
		for r.Context().Err() == nil {
			n, err := w.Write(piece)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}))
	wantRejected(t, conf, Input{Location: base}, ReasonTooLarge)
	if n := sent.Load(); n > 32<<20 {
		t.Errorf("%d bytes were taken from the server for a limit of 1 MiB", n)
	}
}

func TestContentLengthIsNotBelieved(t *testing.T) {
	base, conf := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close() //nolint:errcheck // the other side sees it
		more := strings.Repeat("m", len(r.URL.RawQuery))
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n%s%s", r.URL.Path[1:], pdf, more) //nolint:errcheck // as above
	}))
	wantRejected(t, conf, Input{Location: base + "/2000000"}, ReasonTooLarge) // says so before
	wantRetry(t, conf, Input{Location: base + "/1000"}, ErrUnreachable)       // less comes than said
	wantRetry(t, conf, Input{Location: base + "/500000"}, ErrUnreachable)
	wantRetry(t, conf, Input{Location: base + "/500000?" + strings.Repeat("m", 5000)}, ErrUnreachable) // breaks while it is stored
	wantStored(t, conf, Input{Location: base + "/20"}, pdf[:20])                                       // HTTP ends there
}

func TestWhatIsLabelledPDFAndIsNotIsRefused(t *testing.T) {
	base, conf := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/pdf")
		if r.URL.Path == "/html" {
			io.WriteString(w, "\ufeff<!doctype HTML><title>Please log in</title>%PDX-") //nolint:errcheck // as above
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		io.WriteString(z, pdf+strings.Repeat("\x00", 1<<20)) //nolint:errcheck // as above
		z.Close()                                            //nolint:errcheck // as above
	}))
	if m := wantRejected(t, conf, Input{Location: base + "/html"}, ReasonNotAPDF); !strings.Contains(m, "HTML") {
		t.Errorf("message %q does not say what it is", m)
	}
	if m := wantRejected(t, conf, Input{Location: base + "/gzip"}, ReasonNotAPDF); !strings.Contains(m, "compressed") {
		t.Errorf("message %q does not say what it is", m)
	}
}

func TestHugeHeadersAreNotTaken(t *testing.T) {
	base, conf := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("h", 1<<20))
		io.WriteString(w, pdf) //nolint:errcheck // as above
	}))
	wantRetry(t, conf, Input{Location: base}, ErrUnreachable)
}

func TestManyFetchesAtOnceDoNotMixUp(t *testing.T) {
	base, conf := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, pdf+strings.Repeat(r.URL.Path, 10_000)) //nolint:errcheck // as above
	}))
	h, err := New(conf, newMemory())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 32 {
		path := fmt.Sprintf("/%d", i)
		v := visit(t, Input{Location: base + path})
		wg.Go(func() {
			out, err := h.Do(context.WithoutCancel(t.Context()), v)
			if want := "sha256:" + sum(pdf+strings.Repeat(path, 10_000)); err != nil || out.(Output).File.Ref != want {
				t.Errorf("%s: %+v, %v", path, out, err)
			}
		})
	}
	wg.Wait()
}
