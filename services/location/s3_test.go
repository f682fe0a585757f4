package location

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// storage is as much of S3 as is asked for here: path-style GET of an object.
func storage(t *testing.T) (conf Config) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || !strings.Contains(r.Header.Get("Authorization"), "Credential=key/") {
			t.Errorf("%s with %q, want a signed GET", r.Method, r.Header.Get("Authorization"))
		}
		fail := func(code int, reason string) {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(code)
			fmt.Fprintf(w, "<Error><Code>%s</Code><Message>m</Message></Error>", reason) //nolint:errcheck // the client's side is what is tested
		}
		w.Header().Set("Last-Modified", "Mon, 05 Jan 2026 09:00:00 GMT")
		w.Header().Set("ETag", `"1"`)
		switch r.URL.Path {
		case "/inbox/2026/Rechnung 7.pdf":
			io.WriteString(w, pdf+r.URL.Query().Get("versionId")) //nolint:errcheck // as above
		case "/inbox/big.pdf":
			io.WriteString(w, pdf+strings.Repeat("b", 2<<20)) //nolint:errcheck // as above
		case "/inbox/text.pdf":
			io.WriteString(w, "text") //nolint:errcheck // as above
		case "/inbox/secret.pdf":
			fail(http.StatusForbidden, "AccessDenied")
		case "/inbox/moved.pdf":
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusTemporaryRedirect)
		case "/inbox/down.pdf":
			fail(http.StatusServiceUnavailable, "SlowDown")
		case "/inbox/stuck.pdf":
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, pdf) //nolint:errcheck // as above
			flush(w)
			<-r.Context().Done()
		case "/nobucket/a.pdf":
			fail(http.StatusNotFound, "NoSuchBucket")
		default:
			fail(http.StatusNotFound, "NoSuchKey")
		}
	}))
	t.Cleanup(server.Close)
	return Config{MaxBytes: 1 << 20, S3: &S3{
		Endpoint: strings.TrimPrefix(server.URL, "http://"), Plain: true, AccessKey: "key", SecretKey: "secret",
		Buckets: []string{"inbox", "nobucket"}, Timeouts: Timeouts{Idle: 200 * time.Millisecond},
	}}
}

func TestAnObjectIsFetchedFromS3(t *testing.T) {
	conf := storage(t)
	out := wantStored(t, conf, Input{Location: "s3://inbox/2026/Rechnung%207.pdf"}, pdf)
	if out.Name != "Rechnung 7.pdf" || out.Source != SourceS3 {
		t.Errorf("output %+v", out)
	}
	wantStored(t, conf, Input{Location: "s3://inbox/2026/Rechnung 7.pdf?versionId=v2", SHA256: sum(pdf + "v2")}, pdf+"v2")
}

func TestAQueryThatS3WouldNotHeedIsRefusedByName(t *testing.T) {
	conf := storage(t)
	for query, name := range map[string]string{
		"versionId=v2&partNumber=2": "partNumber", "versionid=v2": "versionid", "partNumber": "partNumber",
		"versionId=v1&versionId=v2": "versionId", "X-Amz-Signature=hunter2": "X-Amz-Signature", "a;b": "cannot be read", "%zz": "cannot be read",
	} {
		got := wantRejected(t, conf, Input{Location: "s3://inbox/2026/Rechnung 7.pdf?" + query}, ReasonNotAllowed)
		if !strings.Contains(got, name) || strings.Contains(got, "hunter2") {
			t.Errorf("%s: refused as %q, want %s named and no value", query, got, name)
		}
	}
}

func TestAnswersOfS3AreNoOrNotYet(t *testing.T) {
	conf := storage(t)
	for location, reason := range map[string]string{
		"s3://inbox/none.pdf": ReasonNotFound, "s3://nobucket/a.pdf": ReasonNotFound, "s3://inbox/secret.pdf": ReasonNotAllowed,
		"s3://inbox/big.pdf": ReasonTooLarge, "s3://inbox/text.pdf": ReasonNotAPDF,
		"s3://other/a.pdf": ReasonNotAllowed, "s3://inbox": ReasonNotAllowed, "s3://inbox/": ReasonNotAllowed, "s3:///a.pdf": ReasonNotAllowed,
		"s3:inbox/a.pdf": ReasonNotAllowed, "s3://u:p@inbox/a.pdf": ReasonNotAllowed, "s3://%zz/a": ReasonNotAllowed,
	} {
		wantRejected(t, conf, Input{Location: location}, reason)
	}
	for _, location := range []string{"s3://inbox/down.pdf", "s3://inbox/stuck.pdf", "s3://inbox/moved.pdf"} {
		wantRetry(t, conf, Input{Location: location}, ErrUnreachable)
	}
	conf.S3.Endpoint = "127.0.0.1:1"
	if m := wantRetry(t, conf, Input{Location: "s3://inbox/private-name.pdf"}, ErrUnreachable); strings.Contains(m, "private-name") {
		t.Errorf("the error tells the key: %s", m)
	}
}
