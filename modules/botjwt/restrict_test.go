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
