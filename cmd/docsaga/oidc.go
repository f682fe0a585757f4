package main

import (
	"context"
	"maps"
	"slices"

	"github.com/spf13/pflag"

	"github.com/docsaga/docsaga/api"
)

// oidcSettings say whose tokens the HTTP API takes besides keys.
type oidcSettings struct {
	conf  api.IssuerConfig
	roles map[string]string
}

func (o *oidcSettings) flags(f *pflag.FlagSet) {
	f.StringVar(&o.conf.URL, "oidc-issuer", "", "URL of an OpenID provider whose tokens the HTTP API takes besides keys")
	f.StringVar(&o.conf.Audience, "oidc-audience", "", "audience that the tokens must be for")
	f.StringVar(&o.conf.RoleClaim, "oidc-role-claim", "roles", "claim that gives roles, such as realm_access.roles")
	f.StringVar(&o.conf.GroupClaim, "oidc-group-claim", "groups", "claim that gives groups, for tasks")
	f.StringVar(&o.conf.NameClaim, "oidc-name-claim", "sub", "claim that names the person, for tasks and in what the log seals of decisions; sources have a hash of issuer and subject")
	f.StringToStringVar(&o.roles, "oidc-role", nil, "what a value of the role claim stands for, such as clerks=operator (repeatable; default the roles' own words)")
}

// issuer returns what checks tokens, nil if no provider is named.
func (o *oidcSettings) issuer(ctx context.Context) (*api.Issuer, error) {
	if o.conf.URL == "" {
		return nil, nil
	}
	conf := o.conf
	conf.Roles = make(map[string]api.Role)
	for value, word := range o.roles {
		var role api.Role
		if err := role.UnmarshalText([]byte(word)); err != nil {
			return nil, usage("--oidc-role %s=%s: %w", value, word, err)
		}
		conf.Roles[value] = role
	}
	issuer, err := api.OpenIssuer(ctx, conf)
	if err != nil {
		return nil, usage("--oidc-issuer: %w", err)
	}
	return issuer, nil
}

// arguments returns the flags that say the same to another process.
func (o *oidcSettings) arguments() []string {
	if o.conf.URL == "" {
		return nil
	}
	args := []string{
		"--oidc-issuer", o.conf.URL, "--oidc-audience", o.conf.Audience, "--oidc-role-claim", o.conf.RoleClaim,
		"--oidc-group-claim", o.conf.GroupClaim, "--oidc-name-claim", o.conf.NameClaim,
	}
	for _, value := range slices.Sorted(maps.Keys(o.roles)) {
		args = append(args, "--oidc-role", value+"="+o.roles[value])
	}
	return args
}
