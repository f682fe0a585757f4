package signed

import (
	"encoding/base64"
	"maps"
	"testing"
)

// digest returns the digest of the extension's example event with some
// attributes set, and some signed besides.
func digest(t *testing.T, data string, set map[string]string, extensions ...string) string {
	t.Helper()
	all := map[string]string{
		"specversion": "1.0", "id": "1", "source": "example/uri", "type": "example.type", "datacontenttype": "application/json",
	}
	maps.Copy(all, set)
	sum, err := material(func(name string) string { return all[name] }, []byte(data), extensions)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(sum[:])
}

// TestMaterialIsThatOfTheExtension holds the test vector of CloudEvents' DSSE
// extension whose data is bytes. Those with JSON do not say how it is written.
func TestMaterialIsThatOfTheExtension(t *testing.T) {
	got := digest(t, "\xf0\x9f\xa4\xa1", map[string]string{"type": "example.type.binary", "datacontenttype": "application/octet-stream"})
	if want := "qCSeiZkS+hH9WiClfq6plfqYNVy2kvxWRfoBrLEzoDk="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTheSameMomentInAnotherZoneIsTheSame(t *testing.T) {
	a := digest(t, "{}", map[string]string{"time": "2020-06-18T17:24:53Z"})
	b := digest(t, "{}", map[string]string{"time": "2020-06-18T19:24:53+02:00"})
	if a != b || a == digest(t, "{}", nil) || a == digest(t, "{}", map[string]string{"time": "2020-06-18T17:24:54Z"}) {
		t.Errorf("%s and %s, want the same, and another without time and for another", a, b)
	}
	if _, err := material(func(string) string { return "noon" }, nil, nil); err == nil {
		t.Error("noon is a time")
	}
}

func TestWhatIsSignedBesidesChangesTheDigest(t *testing.T) {
	set := map[string]string{"exta": "1", "extb": "2"}
	seen := make(map[string]bool)
	for _, list := range [][]string{nil, {"exta"}, {"extb"}, {"exta", "extb"}, {"extb", "exta"}} {
		seen[digest(t, "{}", set, list...)] = true
	}
	if len(seen) != 5 || digest(t, "{}", nil) != digest(t, "{}", set) {
		t.Errorf("%d digests of 5 lists; what is not signed must not count", len(seen))
	}
}

func TestPreAuthenticationEncoding(t *testing.T) {
	if got, want := string(preAuth([]byte("hello"))), "DSSEv1 46 https://cloudevents.io/verifiability/dsse/v0.1 5 hello"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzOpen(f *testing.F) {
	_, key := newKey(f, "a", "/test")
	text, err := seal([size]byte{1}, "x", key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if env, err := open(text); err == nil && (len(env.Payload) != size || env.PayloadType != payloadType) {
			t.Errorf("it opened %+v", env)
		}
	})
}
