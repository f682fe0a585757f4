package api_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/docsaga/docsaga/api"
)

// A provider is an OpenID provider of a test.
type provider struct {
	t   *testing.T
	url string
	key *rsa.PrivateKey

	asked atomic.Int64 // for its keys
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{t: t, key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{
			"issuer": p.url, "jwks_uri": p.url + "/keys", "authorization_endpoint": p.url + "/a", "token_endpoint": p.url + "/t",
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		p.asked.Add(1)
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "RS256", Use: "sig"}}})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// claims returns what a good token says.
func (p *provider) claims() map[string]any {
	return map[string]any{
		"iss": p.url, "aud": "docsaga", "sub": "ann", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(),
		"realm": map[string]any{"roles": []string{"clerks", "else"}}, "groups": []string{"accounting"},
	}
}

func (p *provider) sign(algorithm jose.SignatureAlgorithm, key any, claims map[string]any) string {
	p.t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "1"))
	if err != nil {
		p.t.Fatal(err)
	}
	raw, err := json.Marshal(claims)
	if err != nil {
		p.t.Fatal(err)
	}
	signed, err := signer.Sign(raw)
	if err != nil {
		p.t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		p.t.Fatal(err)
	}
	return token
}

func (p *provider) issuer(roles map[string]api.Role) *api.Issuer {
	p.t.Helper()
	i, err := api.OpenIssuer(p.t.Context(), api.IssuerConfig{URL: p.url, Audience: "docsaga", RoleClaim: "realm.roles", Roles: roles})
	if err != nil {
		p.t.Fatal(err)
	}
	return i
}

func TestATokenLetsInAsItsClaimsSay(t *testing.T) {
	p := newProvider(t)
	key, secret, err := api.NewKey("scanner", api.Submitter)
	if err != nil {
		t.Fatal(err)
	}
	c := start(t, api.Config{Issuer: p.issuer(map[string]api.Role{"clerks": api.Operating}), Keys: api.Keys{key}})
	c.system.Submit("d", "x")
	c.system.Await("d", "running")
	c.want(c.get("/v1/documents"), http.StatusUnauthorized)
	c.key = p.sign(jose.RS256, p.key, p.claims())
	r := c.want(c.post("/v1/documents/d/cancel", `{"reason":"why"}`), http.StatusOK)
	if !strings.Contains(string(r.body), `"actor":"ann"`) {
		t.Errorf("cancelled by another: %s", r.body)
	}
	c.want(c.post("/v1/definitions", "x", "Content-Type", "application/xml"), http.StatusForbidden)
	c.system.Approve("a")
	c.want(c.post("/v1/documents/a/tasks/approve/claim", `{}`), http.StatusOK) // by the group
	c.key = secret
	c.want(c.get("/v1/documents"), http.StatusOK) // a key is still one

	odd := p.claims()
	odd["sub"] = "auth0|<b>7 of 9</b>"
	c.key = p.sign(jose.RS256, p.key, odd)
	r = c.want(c.post("/v1/documents", `{"document":"odd","location":"https://example.com/"}`), http.StatusAccepted)
	if events := c.want(c.get("/v1/documents/odd/events"), http.StatusOK); strings.Contains(string(events.body), "<b>") || strings.Contains(string(events.body), `\u003c`) ||
		strings.Contains(string(events.body), "auth0") || !strings.Contains(string(events.body), "/docsaga/api/oidc-") {
		t.Errorf("a name from outside stands in %s", events.body)
	}
	if r.member(t, "new") != true {
		t.Errorf("submitted %s", r.body)
	}
}

func TestATokenThatIsNotGoodLetsNobodyIn(t *testing.T) {
	p, other := newProvider(t), newProvider(t)
	c := start(t, api.Config{Issuer: p.issuer(map[string]api.Role{"clerks": api.Viewer})})
	with := func(name string, value any) map[string]any {
		claims := p.claims()
		claims[name] = value
		return claims
	}
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
	raw, _ := json.Marshal(p.claims())
	unsigned := none + "." + base64.RawURLEncoding.EncodeToString(raw) + "."
	good := p.sign(jose.RS256, p.key, p.claims())
	parts := strings.Split(good, ".")
	forged, _ := json.Marshal(with("sub", "eve"))
	for what, token := range map[string]string{
		"expired":                   p.sign(jose.RS256, p.key, with("exp", time.Now().Add(-time.Hour).Unix())),
		"for another":               p.sign(jose.RS256, p.key, with("aud", "else")),
		"of another issuer":         p.sign(jose.RS256, p.key, with("iss", other.url)),
		"signed by another":         p.sign(jose.RS256, other.key, p.claims()),
		"signed with what is known": p.sign(jose.HS256, x509.MarshalPKCS1PublicKey(&p.key.PublicKey), p.claims()),
		"unsigned":                  unsigned,
		"with other claims":         parts[0] + "." + base64.RawURLEncoding.EncodeToString(forged) + "." + parts[2],
		"without a role":            p.sign(jose.RS256, p.key, with("realm", map[string]any{"roles": []string{"nobody"}})),
		"with roles that are none":  p.sign(jose.RS256, p.key, with("realm", 7)),
		"without a name":            p.sign(jose.RS256, p.key, with("sub", "")),
		"nonsense":                  "a.b.c",
	} {
		c.key = token
		if r := c.get("/v1/documents"); r.status != http.StatusUnauthorized {
			t.Errorf("a token %s: %d %s", what, r.status, r.body)
		}
	}
	c.key = good
	c.want(c.get("/v1/documents"), http.StatusOK)
}

func TestTokensAreCheckedNoMoreThanAnAddressMayAsk(t *testing.T) {
	p := newProvider(t)
	c := start(t, api.Config{Issuer: p.issuer(map[string]api.Role{"clerks": api.Viewer}), Rate: 0.5}) // five at once
	c.key = p.sign(jose.RS256, p.key, p.claims())
	for range 3 {
		c.want(c.get("/v1/documents"), http.StatusOK)
	}
	other := newProvider(t)
	good, asked, refused := c.key, p.asked.Load(), int64(0)
	c.key = other.sign(jose.RS256, other.key, p.claims()) // the provider is asked whether it has new keys
	for range 20 {
		if r := c.get("/v1/documents"); r.status == http.StatusTooManyRequests {
			refused++
		} else {
			c.want(r, http.StatusUnauthorized)
		}
	}
	if n := p.asked.Load() - asked; refused < 10 || n > 20-refused {
		t.Errorf("of 20 tokens that are not good %d were refused unseen, and the provider was asked %d times", refused, n)
	}
	if c.key = good; c.get("/v1/documents").status != http.StatusTooManyRequests {
		t.Error("a token of an address that asked too much is checked")
	}
}

func TestAnIssuerThatIsNotThereIsAnError(t *testing.T) {
	p := newProvider(t)
	for _, conf := range []api.IssuerConfig{{}, {URL: p.url}, {URL: p.url + "/else", Audience: "docsaga"}, {URL: "http://127.0.0.1:1", Audience: "docsaga"}} {
		if _, err := api.OpenIssuer(t.Context(), conf); err == nil {
			t.Errorf("%+v is accepted", conf)
		}
	}
}
