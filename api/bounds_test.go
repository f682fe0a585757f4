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

func TestASlowClientIsLetGo(t *testing.T) {
	t.Parallel()
	system := apitest.Start(t)
	server := api.HTTP(api.New(system.System, system.Hub, api.Config{Logger: slog.New(slog.DiscardHandler)}).Handler())
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
	const start = "POST /v1/documents/d/cancel HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
	for what, sent := range map[string]string{"header": start, "body": start + "Content-Length: 100\r\n\r\n{"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close() //nolint:errcheck // the server has closed it
			_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
			if _, err := conn.Write([]byte(sent)); err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(conn)
			var late net.Error
			if errors.As(err, &late) && late.Timeout() {
				t.Fatalf("after half a minute the server still waits for the rest of the %s", what)
			}
			if strings.Contains(string(answer), " 200 ") {
				t.Errorf("half a %s is answered with %s", what, answer)
			}
		})
	}
}
