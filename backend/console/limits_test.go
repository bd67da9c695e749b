package console_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/console"
)

// TestLimitsOfAUser: the page has those that count the user, and an operator resets one.
func TestLimitsOfAUser(t *testing.T) {
	t.Parallel()
	d, _ := busyDesk(t)
	v := d.signIn(operator)
	page := v.page("/console/users/alice")
	for _, text := range []string{
		"100/s, bursts of 2\u202f000; gold 500/s, bursts of 1", "1\u202f234", ">438<", "put off", "10 at once", `href="/console/users/alice/reset?zone=user"`,
	} {
		require.Contains(t, page, text)
	}
	require.NotContains(t, page, "7/s", "the limit of an address")
	require.NotContains(t, page, "reset?zone=streams", "nothing is kept that could be reset")
	require.NotContains(t, v.page("/console/users/bob"), "1\u202f234", "another user")

	require.Contains(t, v.page("/console/users/alice/reset?zone=user"), "1\u202f234 times")
	require.Equal(t, http.StatusNotFound, v.send(http.MethodGet, "/console/users/alice/reset?zone=address", nil).Code)
	form := url.Values{"zone": {"user"}}
	w := v.send(http.MethodPost, "/console/users/alice/reset", form)
	require.Equal(t, "/console/users/alice", w.Header().Get("Location"), w.Body)
	require.Equal(t, []string{"user alice"}, d.resets)

	seer := d.signIn(viewer)
	require.Contains(t, seer.page("/console/users/alice"), `title="This needs a token with the scope events:admin`)
	require.Equal(t, http.StatusForbidden, seer.send(http.MethodPost, "/console/users/alice/reset", form).Code)
	v.headers.Set("Sec-Fetch-Site", "cross-site")
	require.Equal(t, http.StatusForbidden, v.send(http.MethodPost, "/console/users/alice/reset", form).Code)
	who := identity(admin)
	who.Set("X-Botgate-Bot", "demo")
	one := d.signInAs(who)
	require.NotContains(t, one.page("/console/users/alice"), "100/s", "limits are of all bots")
	require.Equal(t, http.StatusForbidden, one.send(http.MethodPost, "/console/users/alice/reset", form).Code)
	require.Len(t, d.resets, 1)
}

// TestReadOnlyResetsNothing whoever asks.
func TestReadOnlyResetsNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(c *console.Config) { c.ReadOnly = true })
	require.Equal(t, http.StatusForbidden, d.signIn(admin).send(http.MethodPost, "/console/users/alice/reset", url.Values{"zone": {"user"}}).Code)
	require.Empty(t, d.resets)
}
