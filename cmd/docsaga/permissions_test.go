package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/samples"
)

// brokerUsers returns the users that the configuration in deploy/nats has.
func brokerUsers() []string {
	return append(serviceNames(), "coordinator", "server", "submitter", "auditor", "administrator")
}

// A broker is a NATS server with the configuration that is in deploy/nats.
type broker struct {
	*testing.T
	server *server.Server
}

// configured reads a file of deploy/nats. Only where the server listens and
// keeps its data is the test's.
func configured(t *testing.T, file string) *server.Options {
	t.Helper()
	for _, user := range append(brokerUsers(), "system", "route") {
		t.Setenv("DOCSAGA_NATS_"+strings.ToUpper(user), "pw-"+user)
	}
	t.Setenv("DOCSAGA_NATS_NAME", "nats-1")
	opts, err := server.ProcessConfigFile(filepath.Join("..", "..", "deploy", "nats", file))
	if err != nil {
		t.Fatal(err)
	}
	if !opts.SyncAlways {
		t.Errorf("%s: the server does not sync each write", file)
	}
	opts.Host, opts.Port, opts.HTTPPort, opts.StoreDir = "127.0.0.1", server.RANDOM_PORT, 0, t.TempDir()
	opts.NoSigs, opts.NoLog = true, true
	return opts
}

func startBroker(t *testing.T, opts *server.Options) *broker {
	t.Helper()
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server does not take connections")
	}
	return &broker{T: t, server: s}
}

// as returns the flags with which docsaga connects as a user.
func (b *broker) as(user string, args ...string) []string {
	inbox := "_INBOX"
	if user != "administrator" {
		inbox += "_" + user
	}
	return append(args, "--nats", fmt.Sprintf("nats://%s:pw-%s@%s", user, user, b.server.Addr()), "--inbox-prefix", inbox)
}

// docsaga runs the command line as a user, and fails if that lacks a permission.
func (b *broker) docsaga(user string, args ...string) (code int, out string) {
	b.Helper()
	code, out, errOut := docsaga(b.T, b.as(user, args...)...)
	if strings.Contains(errOut, "permission denied") || code != exitOK && code != exitFailed {
		b.Errorf("%s: docsaga %s: exit code %d: %s", user, strings.Join(args, " "), code, errOut)
	}
	return code, out
}

// A spoken is what a part writes, at once with the test's reading.
type spoken struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *spoken) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *spoken) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// host runs a part as a user until the test ends.
func (b *broker) host(user string, args ...string) *spoken {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	out, done := &spoken{}, make(chan int, 1)
	go func() { done <- execute(ctx, b.as(user, args...), strings.NewReader(""), out, out) }()
	b.Cleanup(func() {
		cancel()
		if code := <-done; code != exitOK || strings.Contains(out.String(), "permission denied") {
			b.Errorf("%s: exit code %d: %s", user, code, out)
		}
	})
	return out
}

func TestEachPartDoesItsWorkAsItsOwnUserOfTheBroker(t *testing.T) {
	b := startBroker(t, configured(t, "single.conf"))
	b.docsaga("administrator", "provision")
	data, dir := t.TempDir(), t.TempDir()
	for _, service := range serviceNames() {
		b.host(service, "service", service, "--data", data, "--root", dir)
	}
	b.host("coordinator", "coordinator", "--data", data)
	web := b.host("server", "server", "--http", "127.0.0.1:0", "--data", data)

	good, wrong := filepath.Join(dir, "good.pdf"), filepath.Join(dir, "wrong.pdf")
	for path, content := range map[string][]byte{good: samples.EInvoice(samples.ManyLines(2000)), wrong: samples.Builtin()[2].Content} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for place, want := range map[string]int{good: exitOK, "file://" + wrong: exitFailed} { // one is uploaded, one is fetched
		for range 2 { // the same again reads what stands
			if code, out := b.docsaga("submitter", "submit", place, "--wait", "--timeout", "1m", "--seal", "--id", strings.TrimSuffix(filepath.Base(place), ".pdf")); code != want {
				t.Errorf("%s: exit code %d, want %d: %s", place, code, want, out)
			}
		}
	}
	if _, out := b.docsaga("auditor", "history", "wrong", "-o", "json"); !strings.Contains(out, "undone") {
		t.Errorf("nothing is undone of what was rejected: %s", out)
	}
	if code, out := b.docsaga("auditor", "verify"); code != exitOK {
		t.Errorf("verify: %s", out)
	}
	b.operate(web)
}

// desk draws a flow that no service has a part in.
const desk = `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="t"><message id="m" name="paid"/>
  <process id="desk" isExecutable="true">
    <startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="approve"/>
    <userTask id="approve"/><sequenceFlow id="f2" sourceRef="approve" targetRef="wait"/>
    <intermediateCatchEvent id="wait"><messageEventDefinition messageRef="m"/></intermediateCatchEvent>
    <sequenceFlow id="f3" sourceRef="wait" targetRef="end"/><endEvent id="end"/>
  </process></definitions>`

// operate does over HTTP what takes permissions of its own.
func (b *broker) operate(web *spoken) {
	b.Helper()
	_, after, _ := strings.Cut(web.String(), "HTTP at ")
	base, _, _ := strings.Cut(after, "\n")
	call := func(path, contentType, body string, want int) {
		b.Helper()
		r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, strings.TrimSpace(base)+path, strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set("Content-Type", contentType)
		answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
		if err != nil {
			b.Fatal(err)
		}
		defer answer.Body.Close() //nolint:errcheck // read
		var raw bytes.Buffer
		_, _ = raw.ReadFrom(answer.Body)
		if answer.StatusCode != want {
			b.Errorf("%s: status %d, want %d: %s", path, answer.StatusCode, want, raw.String())
		}
	}
	const json = "application/json"
	call("/v1/definitions", "application/xml", desk, http.StatusOK)
	submitted := []string{"submit", "https://example.com/", "--id", "kept", "--definition", "desk"}
	b.docsaga("submitter", submitted...)
	call("/v1/documents", json, `{"document":"stopped","definition":"desk","location":"https://example.com/"}`, http.StatusAccepted)
	call("/v1/documents/stopped/cancel", json, `{"reason":"not wanted"}`, http.StatusOK)
	call("/v1/documents/kept/tasks/approve/claim", json, `{}`, http.StatusOK)
	call("/v1/documents/kept/tasks/approve/complete", json, `{"output":{"ok":true}}`, http.StatusOK)
	call("/v1/messages", json, `{"name":"paid"}`, http.StatusAccepted)
	if code, out := b.docsaga("submitter", append(submitted, "--wait", "--timeout", "1m")...); code != exitOK {
		b.Errorf("what waited for a task and a message: exit code %d: %s", code, out)
	}
	call("/v1/documents/good/forget", json, `{"reason":"asked for"}`, http.StatusOK)
}

// unheard is a subject that no user may subscribe to.
const unheard = "nobody.hears.this"

// refuses returns which of the subjects a user may not publish to or, if hearing
// is meant, subscribe to.
func (b *broker) refuses(user string, hearing bool, subjects ...string) (refused []string) {
	b.Helper()
	answers := make(chan string, len(subjects)+1)
	nc, err := nats.Connect("nats://"+b.server.Addr().String(), nats.UserInfo(user, "pw-"+user), nats.CustomInboxPrefix("_INBOX_"+user),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrPermissionViolation) {
				answers <- err.Error()
			}
		}))
	if err != nil {
		b.Fatal(err)
	}
	defer nc.Close()
	for _, subject := range append(subjects, unheard) { // the last refusal says that all others have come
		if hearing || subject == unheard {
			_, err = nc.SubscribeSync(subject)
		} else {
			err = nc.Publish(subject, []byte("{}"))
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	for text := range answers {
		if strings.Contains(text, `"`+unheard+`"`) {
			break
		}
		for _, subject := range subjects {
			if strings.Contains(text, `"`+subject+`"`) {
				refused = append(refused, subject)
			}
		}
	}
	return refused
}

func slotSubject(step events.StepID, kind events.Kind) string {
	s := events.Slot{Definition: defaultDefinition, Version: 1, Document: "d", Step: step, Visit: 1, Kind: kind, Again: 1}
	return s.Subject()
}

func TestNoUserOfTheBrokerMayDoWhatIsNotItsWork(t *testing.T) {
	b := startBroker(t, configured(t, "single.conf"))
	b.docsaga("administrator", "provision")
	streams := []string{
		"$JS.API.STREAM.CREATE.DOCSAGA_0", "$JS.API.STREAM.UPDATE.DOCSAGA_0", "$JS.API.STREAM.DELETE.DOCSAGA_0", "$JS.API.STREAM.PURGE.DOCSAGA_0",
		"$JS.API.STREAM.MSG.DELETE.DOCSAGA_0", "$JS.API.STREAM.RESTORE.DOCSAGA_0", "$JS.API.STREAM.SNAPSHOT.DOCSAGA_0",
		"$JS.API.STREAM.UPDATE.DOCSAGA_FILES", "$JS.API.STREAM.DELETE.KV_DOCSAGA_definitions", "$JS.API.CONSUMER.DURABLE.CREATE.DOCSAGA_0.location",
		"$JS.API.CONSUMER.PAUSE.DOCSAGA_0.location", "$JS.API.CONSUMER.DELETE.DOCSAGA_0.location", "$SYS.REQ.SERVER.PING",
	}
	slots := []string{
		slotSubject(events.StepDocument, events.Submitted), slotSubject(events.StepDocument, events.Cancel), slotSubject(events.StepDocument, events.Ended),
		slotSubject(events.StepDocument, events.Forgotten), slotSubject("definition", events.Changed), slotSubject("location", events.Redo), slotSubject("location", events.Undo),
	}
	for _, service := range serviceNames() {
		slots = append(slots, slotSubject(events.StepID(service), events.Outcome), slotSubject(events.StepID(service), events.Undone))
	}
	may := map[string][]string{
		"coordinator": {slots[0], slots[1], slots[2], slots[6]}, "server": slices.Concat(slots[:2], slots[3:]), "submitter": slots[:1], "auditor": nil,
	}
	for _, service := range serviceNames() {
		may[service] = []string{slotSubject(events.StepID(service), events.Outcome), slotSubject(events.StepID(service), events.Undone)}
		may["coordinator"] = append(may["coordinator"], may[service]...)
	}
	for _, user := range brokerUsers()[:len(brokerUsers())-1] {
		if got := b.refuses(user, false, streams...); len(got) != len(streams) {
			t.Errorf("%s is refused only %q", user, got)
		}
		refused := b.refuses(user, false, slots...)
		for _, subject := range slots {
			if got, want := !slices.Contains(refused, subject), slices.Contains(may[user], subject); got != want {
				t.Errorf("%s may publish to %s: %v, want %v", user, subject, got, want)
			}
		}
		for _, other := range serviceNames() {
			subjects := []string{"$JS.API.CONSUMER.MSG.NEXT.DOCSAGA_0." + other, "$JS.API.CONSUMER.MSG.NEXT.DOCSAGA_0." + other + "_commands"}
			if got := b.refuses(user, false, subjects...); other != user && len(got) != 2 || other == user && len(got) != 0 {
				t.Errorf("%s is refused %q of the queues of %s", user, got, other)
			}
		}
		hears := []string{">", "docsaga.>", "$JS.>", "_INBOX.>", "_INBOX_other.>"}
		if got := b.refuses(user, true, hears...); len(got) != len(hears) {
			t.Errorf("%s is refused only %q", user, got)
		}
	}
	if got := b.refuses("administrator", false, streams[:3]...); len(got) != 0 {
		t.Errorf("the administrator is refused %q", got)
	}
}

func TestThreeServersOfTheConfigurationMakeACluster(t *testing.T) {
	var all []*server.Options
	var routes []string
	for i := range 3 {
		opts := configured(t, "cluster.conf")
		if len(opts.Routes) != 3 || opts.Cluster.Username == "" {
			t.Fatalf("routes %v, user %q: want three, and a password between them", opts.Routes, opts.Cluster.Username)
		}
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer free.Close() //nolint:errcheck // it is closed before
		port := free.Addr().(*net.TCPAddr).Port
		opts.ServerName, opts.Cluster.Host, opts.Cluster.Port = fmt.Sprintf("nats-%d", i+1), "127.0.0.1", port
		all, routes = append(all, opts), append(routes, fmt.Sprintf("nats://route:pw-route@127.0.0.1:%d", port))
		_ = free.Close()
	}
	var first *broker
	for _, opts := range all {
		opts.Routes = server.RoutesFromStr(strings.Join(routes, ","))
		b := startBroker(t, opts)
		if first == nil {
			first = b
		}
	}
	if code, out := first.docsaga("administrator", "provision", "--replicas", "3"); code != exitOK {
		t.Fatalf("provision: %s", out)
	}
	if _, out := first.docsaga("auditor", "doctor", "-o", "json"); !strings.Contains(out, "3 replicas") {
		t.Errorf("doctor: %s", out)
	}
}
