package botjwt

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/stretchr/testify/require"
)

// TestNoOptionComesOutEmpty has what an operator writes, with variables that are not set in place of values.
func TestNoOptionComesOutEmpty(t *testing.T) {
	t.Setenv("BOTGATE_TEST_EMPTY", "")
	key := "key HS256 value " + strings.Repeat("k", 32) + "\n"
	for lines, want := range map[string]string{
		"key HS256 value {secrets.the_signing_key_of_all_tokens}": "option key: ",
		"key HS256 value ${JWT_SECRET_OF_AT_LEAST_32_BYTES}":      "option key: ",
		"key HS256 value $JWT_SECRET_OF_AT_LEAST_32_BYTES":        "key: the placeholder",
		"key HS256 value {env.BOTGATE_TEST_EMPTY}":                "option key: ",
		"key HS256 value {file.jwt_secret_of_at_least_32_bytes}":  "option key: ",
		"key HS256 value \"\"":                                    "key: it is empty",
		key + "issuer \"\"":                                       "issuer: it is empty",
		key + "issuer \" \"":                                      "issuer: there is nothing but white space",
		key + "issuer {env.BOTGATE_TEST_EMPTY}":                   "option issuer: ",
		key + "issuer a {env.BOTGATE_TEST_EMPTY}":                 "option issuer: ",
		key + "audience \"\"":                                     "audience: it is empty",
		key + "audience {audience}":                               "option audience: ",
		key + "audience any botgate":                              "option audience: any stands alone",
		key + "require_scope {args[0]}":                           "option require_scope: ",
		key + "require_claim tenant":                              "require_claim tenant: name the values",
		key + "require_claim tenant \"\"":                         "require_claim: it is empty",
		key + "require_claim tenant {env.BOTGATE_TEST_EMPTY}":     "option require_claim tenant: ",
		key + "require_claim tenant $TENANT":                      "require_claim: the placeholder $TENANT",
		key + "require_claim tenant a any":                        "option require_claim tenant: any stands alone",
		key + "user_claim \"\"":                                   "user_claim: it is empty",
		key + "claim_header X-Tenant \"\"":                        "claim_header: it is empty",
		key + "user_claim {env.BOTGATE_TEST_EMPTY}":               "option user_claim: ",
		key + "bot_claim {env.BOTGATE_TEST_EMPTY}":                "option bot_claim: ",
		key + "bot_claim \" \"":                                   "bot_claim: there is nothing but white space",
		key + "require_bot \"\"":                                  "require_bot: it is empty",
		key + "require_bot {env.BOTGATE_TEST_EMPTY}":              "{env.BOTGATE_TEST_EMPTY} comes out empty",
		key + "require_bot {secrets.bot}":                         "{secrets.bot} is not known",
		key + "require_bot {path.2}$BOT":                          "option require_bot: ",
		key + "require_bot $BOT":                                  "require_bot: the placeholder $BOT",
		key + "require_bot a/b":                                   "\"a/b\" is not a bot's name",
		key + "scopes \"\"":                                       "scopes: it is empty",
		key + "scopes {env.BOTGATE_TEST_EMPTY}":                   "option scopes: ",
		key + "scopes $SCOPE":                                     "scopes: the placeholder $SCOPE",
		key + "claim tenant \" \"":                                "claim: there is nothing but white space",
		key + "claim tenant {env.BOTGATE_TEST_EMPTY}":             "option claim tenant: ",
		key + "claim {env.BOTGATE_TEST_EMPTY} a":                  "option claim: ",
		key + "claim tenant ${TENANT}":                            "option claim tenant: ",
		key + "user_prefix \"\"":                                  "user_prefix: must not be empty",
		key + "user_prefix {env.BOTGATE_TEST_EMPTY}":              "option user_prefix: ",
		key + "user_prefix $PREFIX":                               "user_prefix: the placeholder $PREFIX",
		"key HS256 file a kid \"\"":                               "key, kid: it is empty",
		"key HS256 file a kid \" \"":                              "key, kid: there is nothing but white space",
		"key HS256 file a kid {env.BOTGATE_TEST_EMPTY}":           "option key, kid: ",
		"jwks https://idp.example/keys":                           "option audience: with jwks or oidc it is required",
		"jwks \"\"":                                               "jwks: it is empty",
		"issuer https://idp.example {\noidc\n}":                   "option audience: with jwks or oidc it is required",
		"issuer \"\" {\noidc\naudience any\n}":                    "issuer: it is empty",
		"issuer a {\n" + key + "}\nissuer a {\n" + key + "}":      "option issuer: a is named twice",
		key + "issuer a\nissuer a {\n" + key + "}":                "option issuer: a is named twice",
	} {
		h := new(Handler)
		err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser("bot_jwt {\n" + lines + "\n}"))
		if err == nil {
			err = provision(t, h)
		}
		require.ErrorContains(t, err, want, lines)
	}
}

// TestOptionsFromVariables: what comes from variables counts with its value, names of claims included.
func TestOptionsFromVariables(t *testing.T) {
	for name, value := range map[string]string{"CLAIM": "tenant", "TENANT": "acme", "BOT": "demo", "PREFIX": "acme-"} {
		t.Setenv("BOTGATE_TEST_"+name, value)
	}
	h := new(Handler)
	require.NoError(t, h.UnmarshalCaddyfile(caddyfile.NewTestDispenser("bot_jwt {\n"+
		"key HS256 value "+strings.Repeat("k", 32)+"\n"+
		"claim {env.BOTGATE_TEST_CLAIM} {env.BOTGATE_TEST_TENANT}\n"+
		"require_claim {env.BOTGATE_TEST_CLAIM} {env.BOTGATE_TEST_TENANT}\n"+
		"claim_header X-Tenant {env.BOTGATE_TEST_CLAIM}\n"+
		"scopes read:{env.BOTGATE_TEST_TENANT}\n"+
		"user_prefix {env.BOTGATE_TEST_PREFIX}\n"+
		"bot_claim {env.BOTGATE_TEST_BOT}\n"+
		"require_bot {env.BOTGATE_TEST_BOT}-{http.request.host}\n}")))
	require.NoError(t, provision(t, h))
	require.Equal(t, map[string]string{"tenant": "acme"}, h.Claims)
	require.Equal(t, map[string][]string{"tenant": {"acme"}}, h.RequireClaims)
	require.Equal(t, map[string]string{"X-Tenant": "tenant"}, h.ClaimHeaders)
	require.Equal(t, []string{"read:acme"}, h.Scopes)
	require.Equal(t, "acme-", h.UserPrefix)
	require.Equal(t, "demo", h.BotClaim)
	require.Equal(t, "demo-{http.request.host}", h.RequireBot)
}
