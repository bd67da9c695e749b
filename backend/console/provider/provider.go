// Package provider signs people in at an OpenID provider: the authorization code flow of OpenID Connect Core 1.0 with
// PKCE (RFC 7636). It knows nothing of browsers and sessions; who calls it keeps the [Flow] in between.
package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"

	"github.com/botgate/botgate/internal/outbound"
)

// timeout bounds one request to the provider, and maxBody what is read of its answer, in bytes.
const (
	timeout = 10 * time.Second
	maxBody = 1 << 20
)

// ErrAway means that the provider does not answer, or not as one. It says nothing about who signs in.
var ErrAway = errors.New("the identity provider does not answer")

// Config says which provider it is, and what it knows this console as. All fields are required that name no default.
type Config struct {
	// Issuer is the provider's address, exactly as its metadata has it; https, or http on loopback.
	Issuer string
	// ClientID is the console's name at the provider, and ClientSecret what proves it. Default of the secret: none, for
	// a client that is public there; PKCE protects both kinds.
	ClientID, ClientSecret string
	// RedirectURL is where the provider sends browsers back to, as it is registered there.
	RedirectURL string
	// Scopes are asked for; "openid" always is one of them.
	Scopes []string
	// UserClaim and GroupsClaim are the claims of the ID token that name the user, and the groups they are in.
	UserClaim, GroupsClaim string
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Provider is an OpenID provider. It may be used concurrently.
type Provider struct {
	cfg    Config
	name   string
	client *http.Client
	// asking has all who need the metadata share one request.
	asking singleflight.Group
	// found is nil until the metadata was had once.
	found atomic.Pointer[discovered]
}

// discovered is what the metadata says.
type discovered struct {
	oauth2.Config
	verifier *oidc.IDTokenVerifier
}

// New returns a provider, which is not asked for anything yet.
func New(cfg Config) (*Provider, error) {
	issuer, err := url.Parse(cfg.Issuer)
	if err != nil {
		return nil, errors.New("the issuer is not an address")
	}
	if err := outbound.CheckEncrypted(issuer); err != nil {
		return nil, fmt.Errorf("the issuer: %w", err)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if !slices.Contains(cfg.Scopes, oidc.ScopeOpenID) {
		cfg.Scopes = append([]string{oidc.ScopeOpenID}, cfg.Scopes...)
	}
	return &Provider{cfg: cfg, name: issuer.Host, client: newClient(issuer.Hostname())}, nil
}

// Issuer is the provider's address.
func (p *Provider) Issuer() string { return p.cfg.Issuer }

// Name is what people know the provider by: its host.
func (p *Provider) Name() string { return p.name }

// newClient asks the provider's host, and those that its metadata names. It follows no redirects: it would take a secret
// along.
func newClient(host string) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	outbound.Guard(transport, outbound.Beside(host))
	return &http.Client{
		Transport: bounded{transport}, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// bounded ends answers that are too large.
type bounded struct{ http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		response.Body = http.MaxBytesReader(nil, response.Body, maxBody)
	}
	return response, err
}

// discover returns what the metadata says, which is asked for until it was had once; the keys of a rotation are fetched
// when a token has one. Its error is [ErrAway].
func (p *Provider) discover(ctx context.Context) (*discovered, error) {
	if found := p.found.Load(); found != nil {
		return found, nil
	}
	// Others wait for the same answer, whoever closes their page; the client's timeout bounds it.
	found, err, _ := p.asking.Do("", func() (any, error) { return p.ask(context.WithoutCancel(ctx)) })
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrAway, short(err))
	}
	return found.(*discovered), nil
}

// ask asks for the metadata (OpenID Connect Discovery 1.0, section 4).
func (p *Provider) ask(ctx context.Context) (*discovered, error) {
	metadata, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.cfg.Issuer)
	if err != nil {
		return nil, err
	}
	if err := check(metadata); err != nil {
		return nil, err
	}
	found := &discovered{
		Config: oauth2.Config{
			ClientID: p.cfg.ClientID, ClientSecret: p.cfg.ClientSecret, RedirectURL: p.cfg.RedirectURL,
			Scopes: p.cfg.Scopes, Endpoint: metadata.Endpoint(),
		},
		verifier: metadata.Verifier(&oidc.Config{ClientID: p.cfg.ClientID, Now: p.cfg.Now}),
	}
	p.found.Store(found)
	return found, nil
}

// check wants what the metadata names to be encrypted, as the issuer is.
func check(metadata *oidc.Provider) error {
	var names struct {
		Authorization string `json:"authorization_endpoint"`
		Token         string `json:"token_endpoint"`
		Keys          string `json:"jwks_uri"`
	}
	if err := metadata.Claims(&names); err != nil {
		return err
	}
	for name, address := range map[string]string{
		"authorization_endpoint": names.Authorization, "token_endpoint": names.Token, "jwks_uri": names.Keys,
	} {
		parsed, err := url.Parse(address)
		if err != nil {
			return fmt.Errorf("%s of the metadata is not an address", name)
		}
		if err := outbound.CheckEncrypted(parsed); err != nil {
			return fmt.Errorf("%s of the metadata: %w", name, err)
		}
	}
	return nil
}

// maxReason is how much an error says of what a provider answered, in bytes.
const maxReason = 300

func short(err error) string {
	reason := err.Error()
	return strings.ToValidUTF8(reason[:min(len(reason), maxReason)], "")
}
