package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/api"
)

func TestAKeyIsMadeWithItsGroups(t *testing.T) {
	code, out, errOut := docsaga(t, "key", "ann", "--role", "submitter", "--group", "accounting", "--group", "sales")
	var key api.Key
	if err := json.Unmarshal([]byte(out), &key); code != exitOK || err != nil {
		t.Fatalf("exit code %d, %v: %s", code, err, errOut)
	}
	if key.Name != "ann" || key.Role != api.Submitter || strings.Join(key.Groups, " ") != "accounting sales" {
		t.Errorf("key %+v", key)
	}
	if keys, err := api.ReadKeys([]byte(out)); err != nil || len(keys) != 1 {
		t.Errorf("the line is read as %+v, %v", keys, err)
	}
	if strings.Contains(out, "docsaga_") || !strings.Contains(errOut, "docsaga_") {
		t.Error("the secret is not where it belongs")
	}
}

func TestWhatIsNoIssuerIsRefused(t *testing.T) {
	for _, o := range []oidcSettings{
		{conf: api.IssuerConfig{URL: "http://127.0.0.1:1", Audience: "docsaga"}},
		{conf: api.IssuerConfig{URL: "http://127.0.0.1:1"}},
		{conf: api.IssuerConfig{URL: "http://127.0.0.1:1", Audience: "docsaga"}, roles: map[string]string{"clerks": "king"}},
	} {
		if issuer, err := o.issuer(t.Context()); err == nil || issuer != nil {
			t.Errorf("%+v is accepted", o)
		}
	}
	none := oidcSettings{}
	if issuer, err := none.issuer(t.Context()); err != nil || issuer != nil || len(none.arguments()) > 0 {
		t.Errorf("no issuer is %v, %v", issuer, err)
	}
	o := oidcSettings{conf: api.IssuerConfig{URL: "https://x", Audience: "docsaga"}, roles: map[string]string{"b": "admin", "a": "viewer"}}
	if args := strings.Join(o.arguments(), " "); !strings.HasSuffix(args, "--oidc-role a=viewer --oidc-role b=admin") || !strings.Contains(args, "--oidc-issuer https://x") {
		t.Errorf("another process is told %s", args)
	}
}
