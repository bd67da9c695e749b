package botjwt

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// twoIssuers is a handler with keys of its own, for "issuer", and a partner with a key of its own.
func twoIssuers(t *testing.T, partner IssuerConfig, h Handler) *Handler {
	t.Helper()
	partner.Issuer = "https://partner.example/a"
	partner.Keys = []KeyConfig{{Algorithm: "ES256", File: writeFile(t, ring().public(t, "ES256"))}}
	h.Keys, h.Issuers = []KeyConfig{{Algorithm: "HS256", Value: string(ring().secret)}}, []string{"issuer"}
	h.Trusts = []*IssuerConfig{&partner}
	return load(t, &h)
}

// ofPartner is a token of the partner.
func ofPartner(t *testing.T, changes jwt.MapClaims) string {
	t.Helper()
	all := fresh(changes)
	all["iss"] = "https://partner.example/a"
	return sign(t, "ES256", nil, all)
}

// userOf is the user of the token, empty where it is refused.
func userOf(t *testing.T, h *Handler, token string) string {
	t.Helper()
	_, p := send(t, h, "Bearer "+token)
	if !p.reached {
		return ""
	}
	return p.get("http.auth.user.id")
}

// TestNoIssuerSpeaksForUsersOfAnother: the same claim "sub" is two users, unless the operator says that it is one.
func TestNoIssuerSpeaksForUsersOfAnother(t *testing.T) {
	t.Parallel()
	for prefix, want := range map[string]string{"": "partner.example/a|ada", "p:": "p:ada", "off": "ada"} {
		h := twoIssuers(t, IssuerConfig{UserPrefix: prefix}, Handler{})
		require.Equal(t, want, userOf(t, h, ofPartner(t, nil)), prefix)
		require.Equal(t, "ada", userOf(t, h, sign(t, "HS256", nil, fresh(nil))), "the first issuer's users have no prefix")
		forged := strings.TrimSuffix(want, "ada") + "eve"
		got := userOf(t, h, sign(t, "HS256", nil, fresh(jwt.MapClaims{"sub": forged})))
		if prefix == "off" {
			require.Equal(t, "eve", got)
		} else {
			require.Empty(t, got, "a prefix is not to be had without being of its issuer: %s", forged)
		}
	}
	h := twoIssuers(t, IssuerConfig{UserPrefix: "p:"}, Handler{ClaimHeaders: map[string]string{"X-User": "sub"}})
	require.Empty(t, userOf(t, h, ofPartner(t, jwt.MapClaims{"sub": strings.Repeat("a", maxUser-1)})), "too long with the prefix")
	require.Equal(t, "p:p:ada", userOf(t, h, ofPartner(t, jwt.MapClaims{"sub": "p:ada"})))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+ofPartner(t, nil))
	_, seen := through(t, h, r)
	require.Equal(t, "p:ada", seen.Header.Get("X-User"), "the user that reaches bots has the prefix too")
}

// TestFirstIssuersUsersArePlain where all issuers have a block.
func TestFirstIssuersUsersArePlain(t *testing.T) {
	t.Parallel()
	key := []KeyConfig{{Algorithm: "HS256", Value: string(ring().secret)}}
	h := load(t, &Handler{Trusts: []*IssuerConfig{
		{Issuer: "a", Keys: key}, {Issuer: "b", Keys: key}, {Issuer: "c", Keys: key},
	}})
	for issuer, want := range map[string]string{"a": "ada", "b": "b|ada", "c": "c|ada"} {
		require.Equal(t, want, userOf(t, h, sign(t, "HS256", nil, fresh(jwt.MapClaims{"iss": issuer}))))
	}
}

// TestBoundsOfAnIssuer: what the partner may not say does not count, or is refused.
func TestBoundsOfAnIssuer(t *testing.T) {
	t.Parallel()
	partner := IssuerConfig{Scopes: []string{"commands:write", "events:read"}, Claims: map[string]string{"bot": "demo", "plan": "small"}}
	for name, tt := range map[string]struct {
		changes jwt.MapClaims
		status  int
	}{
		"allowed":               {jwt.MapClaims{"scope": "events:read"}, 200},
		"the same value":        {jwt.MapClaims{"scope": "events:read", "bot": "demo"}, 200},
		"another bot":           {jwt.MapClaims{"scope": "events:read", "bot": "other"}, 401},
		"null":                  {jwt.MapClaims{"scope": "events:read", "bot": json.RawMessage("null")}, 401},
		"a list":                {jwt.MapClaims{"scope": "events:read", "bot": []string{"demo"}}, 401},
		"a plan of its own":     {jwt.MapClaims{"scope": "events:read", "plan": "large"}, 401},
		"without the scope":     {jwt.MapClaims{"scope": "commands:write"}, 403},
		"scope in another list": {jwt.MapClaims{"scp": []string{"events:read"}}, 200},
	} {
		h := twoIssuers(t, partner, Handler{RequireScopes: []string{"events:read"}, RequireClaims: map[string][]string{"plan": {"any"}}})
		w, p := send(t, h, "Bearer "+ofPartner(t, tt.changes))
		require.Equal(t, tt.status, w.Code, name)
		if p.reached {
			require.Equal(t, []string{"demo", "demo", "small", "events:read"}, []string{
				p.get("http.bot.allowed"), p.get("http.auth.user.bot"), p.get("http.auth.user.plan"), p.get("http.auth.user.scope"),
			}, name)
		}
	}
	h := twoIssuers(t, partner, Handler{RequireScopes: []string{"events:admin"}})
	for _, all := range []jwt.MapClaims{{"scope": "events:admin events:read"}, {"scp": []string{"events:admin"}}, {"scp": "events:admin"}} {
		w, _ := send(t, h, "Bearer "+ofPartner(t, all))
		require.Equal(t, 403, w.Code, "a scope that the issuer may not give")
		all["plan"] = nil
		w, _ = send(t, h, "Bearer "+sign(t, "HS256", nil, fresh(all)))
		require.Equal(t, 200, w.Code, "its bounds are those of no other")
	}
}

func TestBoundsThatBoundNothingAreRefused(t *testing.T) {
	t.Parallel()
	key := []KeyConfig{{Algorithm: "HS256", Value: string(ring().secret)}}
	with := func(c IssuerConfig) []*IssuerConfig {
		c.Issuer, c.Keys = "partner", key
		return []*IssuerConfig{{Issuer: "first", Keys: key}, &c}
	}
	for name, tt := range map[string]struct {
		trusts []*IssuerConfig
		want   string
	}{
		"empty scope":           {with(IssuerConfig{Scopes: []string{""}}), "issuer partner: option scopes"},
		"placeholder as scope":  {with(IssuerConfig{Scopes: []string{"{env.X}"}}), "option scopes"},
		"empty claim":           {with(IssuerConfig{Claims: map[string]string{"bot": " "}}), "option claim"},
		"placeholder as claim":  {with(IssuerConfig{Claims: map[string]string{"plan": "{env.X}"}}), "option claim"},
		"no bot's name":         {with(IssuerConfig{Claims: map[string]string{"bot": "*"}}), "option claim"},
		"expiry":                {with(IssuerConfig{Claims: map[string]string{"exp": "9"}}), "option claim"},
		"prefix with a space":   {with(IssuerConfig{UserPrefix: " p"}), "option user_prefix"},
		"prefix left over":      {with(IssuerConfig{UserPrefix: "{env.X}"}), "option user_prefix"},
		"prefix too long":       {with(IssuerConfig{UserPrefix: strings.Repeat("p", 200)}), "option user_prefix"},
		"prefixes that overlap": {append(with(IssuerConfig{UserPrefix: "p:"}), &IssuerConfig{Issuer: "c", Keys: key, UserPrefix: "p:c:"}), "option user_prefix"},
		"the same prefix":       {append(with(IssuerConfig{UserPrefix: "p:"}), &IssuerConfig{Issuer: "c", Keys: key, UserPrefix: "p:"}), "option user_prefix"},
		"an issuer twice":       {append(with(IssuerConfig{}), &IssuerConfig{Issuer: "first", Keys: key}), "option issuer"},
	} {
		h := &Handler{Trusts: tt.trusts}
		require.ErrorContains(t, provision(t, h), tt.want, name)
		require.NoError(t, h.Cleanup())
	}
	require.ErrorContains(t, provision(t, &Handler{IssuerConfig: IssuerConfig{Scopes: []string{"a"}}, Trusts: with(IssuerConfig{})}), "in the block")
}

// TestNamesOverRoutes: handlers of one configuration know of each other's issuers.
func TestNamesOverRoutes(t *testing.T) {
	t.Parallel()
	var n names
	require.Nil(t, n.add(&trust{Issuers: []string{"own"}}))
	require.Nil(t, n.add(&trust{Issuers: []string{"own", "old"}}), "the same issuer on another route")
	require.Nil(t, n.add(&trust{Issuers: []string{"partner"}, Prefix: "p:"}))
	require.Nil(t, n.add(&trust{Issuers: []string{"second"}, Shared: true}), "it is meant")
	require.Equal(t, []string{"own", "old"}, n.add(&trust{Issuers: []string{"other"}}))
	_, err := n.nameUser(&trust{}, "p:ada")
	require.ErrorIs(t, err, reasonForeignUser, "whatever route the token is sent to")
	name, err := n.nameUser(&trust{Prefix: "p:"}, "ada")
	require.NoError(t, err)
	require.Equal(t, "p:ada", name)
}
