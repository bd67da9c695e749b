package integration

import (
	"errors"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// partnerSecret is the key by which the partner of TestTwoIssuers signs.
const partnerSecret = "the partner's own key, 32 bytes and more"

var errStillGood = errors.New("the revoked token is still good")

// TestTwoIssuers has a partner sign for a user whose name is that of one of ours, with our user's keys and with rights
// that it was not given.
func TestTwoIssuers(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	key := filepath.Join(s.dir, "data", "partner.secret")
	require.NoError(t, os.WriteFile(key, []byte(partnerSecret), 0o600))
	s.config = s.caddyfileWith(t, "\t\tissuer botgate\n", "\t\tissuer botgate\n\t\tissuer partner {\n\t\t\tkey HS256 file "+key+
		"\n\t\t\taudience botgate\n\t\t\tscopes commands:write events:read\n\t\t\tclaim bot demo\n\t\t\tuser_prefix partner:\n\t\t}\n")
	s.startEmbedded()
	partner := func(changes jwt.MapClaims) string {
		claims := everyScope("alice", nil)
		claims["iss"] = "partner"
		maps.Copy(claims, changes)
		return s.signedWith(partnerSecret, claims)
	}

	ours, err := s.command(s.token("alice"), "one", hello)
	require.NoError(t, err)
	theirs, err := s.command(partner(nil), "one", hello)
	require.NoError(t, err)
	require.Equal(t, []int{http.StatusAccepted, http.StatusAccepted}, []int{ours.status, theirs.status}, "%s", theirs.body)
	require.Empty(t, theirs.header.Get("Idempotency-Replayed"), "it is not told what our alice was answered")
	require.NotEqual(t, ours.header.Get("Location"), theirs.header.Get("Location"))
	id := theirs.header.Get("Location")[len("/v1/events/"):]
	require.Contains(t, string(s.awaitStatus(id, "delivered").body), `"subject":"partner:alice"`, "the bot can tell them apart")
	s.awaitStatus(ours.header.Get("Location")[len("/v1/events/"):], "delivered")
	require.NotContains(t, string(s.get(bearer(s.token("alice")), "/v1/events?user=alice").body), id)

	for name, token := range map[string]string{
		"a claim that is fixed": partner(jwt.MapClaims{"bot": "other"}),
		"our alice as theirs":   s.token("partner:alice"),
	} {
		a, err := s.command(token, "", hello)
		require.NoError(t, err)
		require.Equal(t, http.StatusUnauthorized, a.status, "%s: %s", name, a.body)
	}
	requireProblem(t, s.get(bearer(partner(nil)), "/v1/dead"), http.StatusForbidden, "insufficient-scope")
	requireProblem(t, s.get(bearer(partner(nil)), "/v1/events?bot=other"), http.StatusForbidden, "other-bot")

	_, stderr, code := run(t, s.dir, s.env, "", gatewayBinary, "revoke", "--sub", "partner:alice", "--address", s.admin)
	require.Zero(t, code, stderr)
	eventually(t, func() error {
		a, err := s.command(partner(nil), "", hello)
		if err == nil && a.status != http.StatusUnauthorized {
			return errStillGood
		}
		return err
	})
	a, err := s.command(s.token("alice"), "", hello)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, a.status, "our alice is another user: %s", a.body)
}
