package api_test

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/api/apitest"
)

func TestEveryOperationIsRefusedToTheRoleBelow(t *testing.T) {
	var keys api.Keys
	secrets := make(map[string]string)
	for role := api.Viewer; role <= api.Admin; role++ {
		k, secret, err := api.NewKey(role.String(), role)
		if err != nil {
			t.Fatal(err)
		}
		keys, secrets[role.String()] = append(keys, k), secret
	}
	below := map[string]string{"viewer": "", "submitter": "viewer", "operator": "submitter", "admin": "operator"}
	c := start(t, api.Config{Keys: keys})
	c.key = secrets["viewer"]
	var about struct {
		Paths map[string]map[string]struct{ Description string }
	}
	if err := json.Unmarshal(c.want(c.get("/openapi.json"), http.StatusOK).body, &about); err != nil {
		t.Fatal(err)
	}
	count := make(map[string]int)
	for path, operations := range about.Paths {
		for method, o := range operations {
			_, text, _ := strings.Cut(o.Description, "For the role ")
			need, _, ok := strings.Cut(text, " and above")
			if _, known := below[need]; !ok || !known {
				t.Errorf("%s %s does not say who may", method, path)
				continue
			}
			count[need]++
			target := strings.NewReplacer("{document}", "d", "{step}", "s", "{name}", "n", "{version}", "1", "{digest}", strings.Repeat("0", 64)).Replace(path)
			status := http.StatusForbidden
			if c.key = secrets[below[need]]; c.key == "" {
				status = http.StatusUnauthorized
			}
			if r := c.do(strings.ToUpper(method), target, strings.NewReader(`{}`), "Content-Type", "application/json"); r.status != status {
				t.Errorf("%s %s without the role %s: %d, want %d", method, target, need, r.status, status)
			}
			if c.key = secrets[need]; path == "/v1/events" {
				continue // does not end
			}
			if r := c.do(strings.ToUpper(method), target, strings.NewReader(`{}`), "Content-Type", "application/json"); r.status == http.StatusForbidden || r.status == http.StatusUnauthorized {
				t.Errorf("%s %s with the role %s: %d", method, target, need, r.status)
			}
		}
	}
	if len(count) != len(below) {
		t.Errorf("operations by role %v, want some for each", count)
	}
}

// listen starts the server as the program does, and returns its address.
func listen(t *testing.T, conf api.Config) string {
	t.Helper()
	system := apitest.Start(t)
	conf.Logger = slog.New(slog.DiscardHandler)
	server := api.HTTP(api.New(system.System, system.Hub, conf).Handler())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// dial sends the beginning of a request, and no more.
func dial(t *testing.T, address, sent string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := conn.Write([]byte(sent)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestASlowClientIsLetGo(t *testing.T) {
	t.Parallel()
	key, _, err := api.NewKey("ann", api.Viewer)
	if err != nil {
		t.Fatal(err)
	}
	open, guarded := listen(t, api.Config{}), listen(t, api.Config{Keys: api.Keys{key}})
	begin := func(target string) string {
		return "POST " + target + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
	}
	const body = "Content-Length: 1000\r\n\r\nhello"
	for _, c := range []struct{ what, address, sent string }{
		{"header", open, begin("/v1/documents/d/cancel")},
		{"body", open, begin("/v1/documents/d/cancel") + body},
		{"body of nobody that is known", guarded, begin("/v1/documents") + body},
		{"body that nobody reads", guarded, begin("/healthz") + body},
		{"body in chunks", guarded, begin("/v1/incidents") + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			answer, err := io.ReadAll(dial(t, c.address, c.sent))
			var late net.Error
			if errors.As(err, &late) && late.Timeout() {
				t.Fatalf("after half a minute the server still waits for the rest of the %s", c.what)
			}
			if strings.Contains(string(answer), " 200 ") && !strings.Contains(c.sent, "/healthz") {
				t.Errorf("half a %s is answered with %s", c.what, answer)
			}
		})
	}
}

func TestAWatcherOutlivesTheTimeOfABody(t *testing.T) {
	t.Parallel()
	conn := dial(t, listen(t, api.Config{}), "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
	read, buffer := "", make([]byte, 4096)
	for !strings.Contains(read, ": still here") { // said after 15 seconds
		n, err := conn.Read(buffer)
		if read += string(buffer[:n]); err != nil {
			t.Fatalf("%v, after %q", err, read)
		}
	}
}
