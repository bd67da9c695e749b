package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/session"
)

// TestUser finds a user, looks at them, exports and erases them.
func TestUser(t *testing.T) {
	t.Parallel()
	d, ids := busyDesk(t)
	slash := d.add(command(t, "demo", "al/ice?#", time.Minute, `{}`))
	_, _, err := d.sessions.Put(t.Context(), session.Key{Bot: "demo", User: "alice"}, []byte(`{"step":"address"}`), time.Hour, session.Condition{})
	require.NoError(t, err)
	v := d.signIn(admin)
	found := v.page("/console/users?q=al")
	require.Contains(t, found, `href="/console/users/alice"`)
	require.NotContains(t, found, `href="/console/users/bob"`)
	require.Contains(t, found, `href="/console/users/al%2Fice%3F%23"`)
	require.Equal(t, []string{slash}, shownIDs(v.page("/console/users/al%2Fice%3F%23")))
	require.Contains(t, v.page("/console/users?q=ALICE"), "No user whose name begins with")

	page := v.page("/console/users/alice")
	require.Equal(t, []string{ids["accepted"], ids["failed"], ids["dead"]}, shownIDs(page))
	require.Contains(t, page, "&#34;step&#34;: &#34;address&#34;")
	require.NotContains(t, d.signIn(viewer).page("/console/users/alice"), "address", "sessions are for operators")

	for scopes, want := range map[string][3]int{viewer: {403, 200, 403}, operator: {200, 200, 403}} {
		v := d.signIn(scopes)
		require.Equal(t, want[0], v.send(http.MethodGet, "/console/users/alice/data", nil).Code, scopes)
		require.Equal(t, want[1], v.send(http.MethodGet, "/console/users/alice/erase", nil).Code, scopes)
		require.Equal(t, want[2], v.send(http.MethodPost, "/console/users/alice/erase", url.Values{"typed": {"alice"}}).Code, scopes)
	}
	w := v.send(http.MethodGet, "/console/users/alice/data", nil)
	require.Equal(t, 4, strings.Count(w.Body.String(), "\n"), "three events and a session")
	require.Contains(t, w.Header().Get("Content-Disposition"), "attachment")

	w = v.send(http.MethodPost, "/console/users/alice/erase", url.Values{"typed": {"bob"}})
	require.Equal(t, http.StatusUnprocessableEntity, w.Code)
	w = v.send(http.MethodPost, "/console/users/alice/erase", url.Values{"typed": {"alice"}})
	require.Equal(t, http.StatusSeeOther, w.Code, w.Body)
	last := d.jobs.jobs[len(d.jobs.jobs)-1]
	require.Equal(t, "/console/jobs/"+last.ID, w.Header().Get("Location"))
	require.Equal(t, "erase", last.Kind)
	require.JSONEq(t, `{"user":"alice"}`, string(last.Parameters))
	require.NotContains(t, v.page("/console/users/alice"), "address", "what bots remember is gone at once")
	require.NotContains(t, v.page("/console/audit?from=all"), "alice/data", "the name of who was erased is not in the audit")
}

// TestAudit shows a change as one row with its outcome.
func TestAudit(t *testing.T) {
	t.Parallel()
	d, ids := busyDesk(t)
	d.clock = time.Now().Add(time.Minute) // The audit has a clock of its own.
	v := d.signIn(admin)
	require.Contains(t, v.page("/console/audit"), "Nobody changed anything in the last 7 d")
	w := v.send(http.MethodPost, "/console/dead/replay", url.Values{"id": {ids["dead"]}})
	require.Equal(t, http.StatusSeeOther, w.Code, w.Body)
	v.send(http.MethodPost, "/console/dead/drop", url.Values{"id": {ids["accepted"]}})
	page := v.page("/console/audit")
	require.Equal(t, 1, strings.Count(page, "<code>POST /v1/dead/{id}/replay</code>"))
	require.Contains(t, page, w.Header().Get("Location"), "the job")
	require.Contains(t, page, "</span> 404</span>", "what was refused, too")
	v.send(http.MethodPost, "/console/dead/replay", url.Values{"bot": {"flaky"}, "reason": {"bot says no"}, "rate": {"20"}})
	require.Contains(t, v.page("/console/audit"), "<code>/v1/dead/replay bot: flaky · rate: 20 · reason: bot says no</code>")
	require.Contains(t, page, `<bdi>alice</bdi>`)
	require.NotContains(t, v.page("/console/audit?by=nobody"), "/replay</code>")
	require.Equal(t, http.StatusForbidden, d.signIn(operator).send(http.MethodGet, "/console/audit", nil).Code)
}

func TestSystem(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	page := d.signIn(admin).page("/console/system")
	for _, text := range []string{
		"v1.2.3", "degraded", "a shard is away", "sqlite",
		"backend-1", "api, dispatch", "1 min ago", "gateway-1/7", "v1.2.2", "queue spooling: &#34;&gt;&lt;script&gt;",
	} {
		require.Contains(t, page, text)
	}
	require.Equal(t, http.StatusForbidden, d.signIn(operator).send(http.MethodGet, "/console/system", nil).Code)
	who := identity(admin)
	who.Set("X-Botgate-Bot", "demo")
	require.Equal(t, http.StatusForbidden, d.signInAs(who).send(http.MethodGet, "/console/system", nil).Code)
}
