package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/docsaga/docsaga/events"
)

// IssuerConfig says whose tokens are taken, and what they say.
type IssuerConfig struct {
	URL      string // of the OpenID provider, as its tokens name it
	Audience string // that tokens must be for
	// Claims of the token, by path, such as realm_access.roles.
	RoleClaim  string // default roles
	GroupClaim string // default groups
	NameClaim  string // default sub, the only one that a provider never gives to another
	// Roles are what values of the role claim stand for; without any, they are
	// the words of the roles themselves.
	Roles map[string]Role
}

// An Issuer checks the tokens of an OpenID provider.
type Issuer struct {
	conf     IssuerConfig
	verifier *oidc.IDTokenVerifier
}

// issuerTime is how long the provider may take to answer.
const issuerTime = 10 * time.Second

// OpenIssuer asks a provider for its keys' place. They are fetched when they
// are needed, for as long as the server runs.
func OpenIssuer(ctx context.Context, conf IssuerConfig) (*Issuer, error) {
	if conf.URL == "" || conf.Audience == "" {
		return nil, errors.New("api: an issuer needs its URL and the audience that its tokens must be for")
	}
	for claim, otherwise := range map[*string]string{&conf.RoleClaim: "roles", &conf.GroupClaim: "groups", &conf.NameClaim: "sub"} {
		if *claim == "" {
			*claim = otherwise
		}
	}
	if len(conf.Roles) == 0 {
		conf.Roles = make(map[string]Role)
		for role := Viewer; role <= Admin; role++ {
			conf.Roles[role.String()] = role
		}
	}
	ctx = oidc.ClientContext(ctx, &http.Client{Timeout: issuerTime})
	provider, err := oidc.NewProvider(ctx, conf.URL)
	if err != nil {
		return nil, fmt.Errorf("api: issuer %s: %w", conf.URL, err)
	}
	return &Issuer{conf: conf, verifier: provider.Verifier(&oidc.Config{ClientID: conf.Audience})}, nil
}

// isToken reports whether a secret can be a token: three parts. No key is.
func isToken(secret string) bool { return strings.Count(secret, ".") == 2 }

// person returns whose token it is; false if it is not good, or gives no role.
func (i *Issuer) person(ctx context.Context, token string) (Person, bool) {
	ctx, cancel := context.WithTimeout(ctx, issuerTime)
	defer cancel()
	checked, err := i.verifier.Verify(ctx, token)
	if err != nil {
		return Person{}, false
	}
	var claims map[string]any
	if err := checked.Claims(&claims); err != nil {
		return Person{}, false
	}
	p := Person{Alias: alias(checked.Issuer, checked.Subject), Groups: texts(claim(claims, i.conf.GroupClaim))}
	for _, value := range texts(claim(claims, i.conf.RoleClaim)) {
		p.Role = max(p.Role, i.conf.Roles[value])
	}
	if names := texts(claim(claims, i.conf.NameClaim)); len(names) == 1 {
		p.Name = names[0]
	}
	if p.Name == "" || p.Role < Viewer {
		return Person{}, false
	}
	if events.CheckID(p.Name) != nil {
		p.Name = events.JoinID(p.Name)
	}
	return p, true
}

// alias returns what stands for a subject in sources: always the same, and
// not to be read back.
func alias(issuer, subject string) string { return string(documentFor("oidc", issuer, subject)) }

// claim returns a claim by its path. A claim whose own name has dots goes
// before.
func claim(claims map[string]any, path string) any {
	if value, ok := claims[path]; ok {
		return value
	}
	first, rest, more := strings.Cut(path, ".")
	if inner, ok := claims[first].(map[string]any); ok && more {
		return claim(inner, rest)
	}
	return nil
}

// texts returns a claim that is a text or a list of them.
func texts(value any) []string {
	switch v := value.(type) {
	case string:
		return []string{v}
	case json.Number:
		return []string{v.String()}
	case []any:
		var list []string
		for _, x := range v {
			if text, ok := x.(string); ok {
				list = append(list, text)
			}
		}
		return list
	}
	return nil
}
