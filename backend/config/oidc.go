package config

import (
	"errors"
	neturl "net/url"
	"strings"

	"github.com/botgate/botgate/internal/outbound"
)

// ConsoleCallback is the path that an identity provider sends browsers back to.
const ConsoleCallback = "/console/oidc/callback"

// OIDC is the identity provider at which people sign in to the console; there is none unless Issuer is set.
type OIDC struct {
	// Issuer is the address of the provider, exactly as its metadata has it.
	Issuer string
	// ClientID is what the provider knows the console as, and SecretFile has what proves it; empty for a public client.
	ClientID, SecretFile string
	// RedirectURL is where the provider sends browsers back to: [ConsoleCallback] at the gateway's address.
	RedirectURL string
	// Scopes are asked for beside "openid"; commas or blanks are between them.
	Scopes string
	// UserClaim and GroupsClaim are the claims that name the user and their groups.
	UserClaim, GroupsClaim string
	// Viewers, Operators and Admins are the groups, with commas between, that are these. One is required.
	Viewers, Operators, Admins string
}

// Groups are the names of a list with commas between. Names may have blanks in them.
func Groups(list string) (names []string) {
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// asked reports whether any of it was set that has no default.
func (o OIDC) asked() bool {
	return o.Issuer+o.ClientID+o.SecretFile+o.RedirectURL+o.Viewers+o.Operators+o.Admins != ""
}

// needs returns an error for a part that is missing while others are there.
func (o OIDC) needs(part string) error {
	return must(!o.asked() || part != "", "set: signing in at an identity provider needs it")
}

func (o OIDC) checkIssuer() error {
	if err := o.needs(o.Issuer); err != nil || o.Issuer == "" {
		return err
	}
	parsed, err := parseEncrypted(o.Issuer)
	if err != nil {
		return err
	}
	return must(parsed.RawQuery == "" && parsed.Fragment == "" && parsed.User == nil, "an address like https://login.example.com, without a query")
}

func (o OIDC) checkRedirect() error {
	if err := o.needs(o.RedirectURL); err != nil || o.RedirectURL == "" {
		return err
	}
	parsed, err := parseEncrypted(o.RedirectURL)
	if err != nil {
		return err
	}
	return must(parsed.Path == ConsoleCallback && parsed.RawQuery == "" && parsed.Fragment == "" && parsed.User == nil,
		"the gateway's address with the path "+ConsoleCallback)
}

func parseEncrypted(address string) (*neturl.URL, error) {
	parsed, err := neturl.Parse(address)
	if err != nil {
		return nil, errors.New("is not an address")
	}
	return parsed, outbound.CheckEncrypted(parsed)
}

// checkGroups wants the groups of one role at least, or nobody could sign in.
func (o OIDC) checkGroups() error {
	return must(!o.asked() || len(Groups(o.Viewers+","+o.Operators+","+o.Admins)) > 0,
		"set, or one of the others: without groups nobody has a role")
}

// oidcOptions are those of [OIDC].
var oidcOptions = []Option{
	{
		Flag: "console-oidc-issuer", Env: "BOTGATE_CONSOLE_OIDC_ISSUER", Caddy: "console_oidc_issuer",
		Help: "the identity provider that signs people in to the console, as its metadata has it", Page: "guides/console.md",
		value: func(c *Config) value { return (*text)(&c.OIDC.Issuer) },
		check: func(c Config) error { return c.OIDC.checkIssuer() },
	}, {
		Flag: "console-oidc-client-id", Env: "BOTGATE_CONSOLE_OIDC_CLIENT_ID", Caddy: "console_oidc_client_id",
		Help: "what the provider knows the console as", Page: "guides/console.md",
		value: func(c *Config) value { return (*text)(&c.OIDC.ClientID) },
		check: func(c Config) error { return c.OIDC.needs(c.OIDC.ClientID) },
	}, {
		Flag: "console-oidc-secret-file", Env: EnvOIDCSecret, Caddy: "console_oidc_secret_file",
		Unset: "none: the console is a public client there, with PKCE alone",
		Help:  "what proves to the provider that it is the console", Page: "guides/console.md",
		value: func(c *Config) value { return (*text)(&c.OIDC.SecretFile) },
	}, {
		Flag: "console-oidc-redirect", Env: "BOTGATE_CONSOLE_OIDC_REDIRECT", Caddy: "console_oidc_redirect",
		Help:  "where the provider sends browsers back to: the gateway's address with " + ConsoleCallback,
		Page:  "guides/console.md",
		value: func(c *Config) value { return (*text)(&c.OIDC.RedirectURL) },
		check: func(c Config) error { return c.OIDC.checkRedirect() },
	}, {
		Flag: "console-oidc-scopes", Env: "BOTGATE_CONSOLE_OIDC_SCOPES", Caddy: "console_oidc_scopes", Words: true, Default: "openid",
		Help: "what the provider is asked for; some have groups behind a scope of their own", Page: "guides/console.md",
		value: func(c *Config) value { return (*text)(&c.OIDC.Scopes) },
	}, {
		Flag: "console-oidc-user-claim", Env: "BOTGATE_CONSOLE_OIDC_USER_CLAIM", Caddy: "console_oidc_user_claim", Default: "sub",
		Help: "the claim that names the user, in the audit too; it must be one that users can't change", Page: "guides/console.md",
		value: func(c *Config) value { return (*text)(&c.OIDC.UserClaim) },
	}, {
		Flag: "console-oidc-groups-claim", Env: "BOTGATE_CONSOLE_OIDC_GROUPS_CLAIM", Caddy: "console_oidc_groups_claim", Default: "groups",
		Help: "the claim that has the user's groups: a list of names, or one", Page: "guides/console.md",
		value: func(c *Config) value { return (*text)(&c.OIDC.GroupsClaim) },
	}, {
		Flag: "console-oidc-viewers", Env: "BOTGATE_CONSOLE_OIDC_VIEWERS", Caddy: "console_oidc_viewers", Words: true,
		Help: "groups, with commas between, that are viewers in the console", Page: "guides/console.md",
		value: func(c *Config) value { return (*text)(&c.OIDC.Viewers) },
		check: func(c Config) error { return c.OIDC.checkGroups() },
	}, {
		Flag: "console-oidc-operators", Env: "BOTGATE_CONSOLE_OIDC_OPERATORS", Caddy: "console_oidc_operators", Words: true,
		Help: "groups that are operators", Page: "guides/console.md",
		value: func(c *Config) value { return (*text)(&c.OIDC.Operators) },
	}, {
		Flag: "console-oidc-admins", Env: "BOTGATE_CONSOLE_OIDC_ADMINS", Caddy: "console_oidc_admins", Words: true,
		Help: "groups that are admins", Page: "guides/console.md",
		value: func(c *Config) value { return (*text)(&c.OIDC.Admins) },
	},
}
