package botjwt

import (
	"time"

	"github.com/caddyserver/caddy/v2"
)

// IssuerConfig is who issues tokens, for whom, and where the keys are: Keys and JWKFiles,
// or JWKS, or OIDC.
type IssuerConfig struct {
	// Issuer is the value of the claim "iss". Required in Trusts; unused elsewhere.
	Issuer string `json:"issuer,omitempty"`

	// Audiences must share a value with the claim "aud". Default: any.
	Audiences []string `json:"audiences,omitempty"`

	// Keys verify the tokens; each serves its own algorithm only.
	Keys []KeyConfig `json:"keys,omitempty"`

	// JWKFiles hold JSON Web Keys or sets of them, and are read again when they change.
	JWKFiles []string `json:"jwk_files,omitempty"`

	// JWKS is the https address of a JSON Web Key Set.
	JWKS string `json:"jwks,omitempty"`

	// OIDC finds the key set through the issuer's OpenID metadata.
	OIDC bool `json:"oidc,omitempty"`

	// MaxStale is how long fetched keys are used that can't be fetched again. Default: 24h.
	MaxStale caddy.Duration `json:"max_stale,omitempty"`

	// Algorithms are the allowed ones. Default: those that the keys fit.
	Algorithms []string `json:"algorithms,omitempty"`
}

func (c *IssuerConfig) maxStale() time.Duration { return time.Duration(c.MaxStale) }

// isEmpty reports whether nothing is configured.
func (c *IssuerConfig) isEmpty() bool {
	return len(c.Keys)+len(c.JWKFiles) == 0 && c.JWKS == "" && !c.OIDC
}

// KeyConfig says where a key is. Exactly one of File, Env and Value is set.
type KeyConfig struct {
	// Algorithm is one of [Algorithms].
	Algorithm string `json:"algorithm,omitempty"`

	// File holds the key: see [ParseKey]. A line break at the end is not part of it. It
	// is read again when it changes.
	File string `json:"file,omitempty"`

	// Env names an environment variable with the key instead.
	Env string `json:"env,omitempty"`

	// Value is the key itself; it may have global placeholders.
	Value string `json:"value,omitempty"`

	// KID is the key id. Default: none, the key fits every token of its algorithm.
	KID string `json:"kid,omitempty"`
}
