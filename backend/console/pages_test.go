package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/console"
	"github.com/botgate/botgate/internal/event"
)

// shownIDs are the ids of the rows of a list.
func shownIDs(page string) []string {
	var ids []string
	for _, found := range regexp.MustCompile(`class="id" href="/console/[a-z]+/([^"]+)"`).FindAllStringSubmatch(page, -1) {
		ids = append(ids, found[1])
	}
	return ids
}

func TestFiltersAreInTheAddress(t *testing.T) {
	t.Parallel()
	d, ids := busyDesk(t)
	v := d.signIn(viewer)
	// The API has a clock of its own, which goes on while the test runs.
	ago := func(age time.Duration) string { return now.Add(-age).Format(time.RFC3339) }
	for path, want := range map[string][]string{
		"":                                      {"accepted", "delivered", "failed", "dead", "hostile", "long"},
		"?bot=flaky":                            {"failed", "dead", "hostile"},
		"?status=failed,dead&user=alice":        {"failed", "dead"},
		"?status=failed&status=dead&user=alice": {"failed", "dead"},
		"?bot=&user=bob&type=&from=&to=":        {"delivered"},
		"?from=" + ago(160*time.Second):         {"accepted", "delivered"},
		"?from=" + ago(270*time.Second) + "&to=" + ago(210*time.Second) + "&user=alice": {"dead"},
		"?from=all&type=" + url.QueryEscape("<b>type</b>"):                              {"hostile"},
		"?bot=nobody": nil,
	} {
		var wanted []string
		for _, name := range want {
			wanted = append(wanted, ids[name])
		}
		require.Equal(t, wanted, shownIDs(v.page("/console/events"+path)), path)
	}
	w := v.send(http.MethodGet, "/console/events?statuss=dead", nil)
	require.Equal(t, http.StatusBadRequest, w.Code)
	require.Contains(t, w.Body.String(), "statuss")
	require.Contains(t, w.Body.String(), "bot, user, type, status, verified_by, order_key, q, from, to, cursor, newer")
	require.Equal(t, http.StatusBadRequest, v.send(http.MethodGet, "/console/events?from=yesterday", nil).Code)
}

// TestPaging goes to the end of a list by its links, and comes past each event once.
func TestPaging(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	want := map[string]bool{}
	for i := range 120 {
		want[d.add(command(t, "demo", fmt.Sprint("user-", i), time.Duration(i)*time.Second, `{}`))] = true
	}
	v := d.signIn(viewer)
	older := regexp.MustCompile(`href="([^"]+)" data-key="]"`)
	path := "/console/events?bot=demo"
	for n := 0; ; n++ {
		page := v.page(path)
		for _, id := range shownIDs(page) {
			require.True(t, want[id], "shown twice, or not asked for")
			delete(want, id)
		}
		next := older.FindStringSubmatch(page)
		if next == nil {
			require.Equal(t, 2, n)
			break
		}
		path = "/console/events" + strings.ReplaceAll(next[1], "&amp;", "&")
		require.Contains(t, path, "bot=demo", "the filter stays")
	}
	require.Empty(t, want)
}

func TestTimeline(t *testing.T) {
	t.Parallel()
	d, ids := busyDesk(t)
	page := d.signIn(operator).page("/console/events/" + ids["dead"])
	for _, text := range []string{
		"attempt 1", "the bot answered 503 · took 6 ms · next attempt 1 s later", "attempt 2", "out of attempts: the bot answered 503",
		"bot says no", now.Add(-4 * time.Minute).Format("2006-01-02 15:04:05.000 UTC"), "/console/dead/replay?id=" + ids["dead"],
	} {
		require.Contains(t, page, text)
	}
	page = d.signIn(operator).page("/console/events/" + ids["dead"] + "?tz=Asia/Kolkata")
	kolkata := time.FixedZone("IST", 5*3600+1800)
	require.Contains(t, page, now.Add(-4*time.Minute).In(kolkata).Format("2006-01-02 15:04:05.000 MST"))
}

// TestTimelineOfAnswers: a step says what became of an answer that a platform waited for.
func TestTimelineOfAnswers(t *testing.T) {
	t.Parallel()
	d, _ := busyDesk(t)
	for answered, text := range map[event.Answered]string{
		event.AnsweredInTime: "took 9 ms · the platform got the answer", event.AnsweredLate: "its answer came too late",
		event.AnsweredUnfit: "its answer does not fit", event.AnsweredMissed: "takes it no more",
		event.AnsweredSent: "answered 200 · the platform took the late answer", event.AnsweredUnsent: "was not sent",
	} {
		change := delivered(time.Second)
		change.Answered = answered
		if answered == event.AnsweredSent || answered == event.AnsweredUnsent {
			change.Status, change.StatusCode = event.StatusAnswered, 200
		}
		id := d.add(command(t, "demo", "alice", time.Minute, `{}`), change)
		require.Contains(t, d.signIn(operator).page("/console/events/"+id), text)
	}
}

// TestOneBot: who may see one bot sees nothing of another.
func TestOneBot(t *testing.T) {
	t.Parallel()
	d, ids := busyDesk(t)
	who := identity(admin)
	who.Set("X-Botgate-Bot", "demo")
	v := d.signInAs(who)
	require.Equal(t, []string{ids["accepted"], ids["delivered"], ids["long"]}, shownIDs(v.page("/console/events")))
	require.Empty(t, shownIDs(v.page("/console/dead")))
	for path, status := range map[string]int{
		"/console/events/" + ids["dead"]: 404, "/console/events/" + ids["dead"] + "/body": 404, "/console/dead/replay?id=" + ids["dead"]: 404,
		"/console/events?bot=flaky": 403, "/console/dead?bot=flaky": 403,
	} {
		require.Equal(t, status, v.send(http.MethodGet, path, nil).Code, path)
	}
	who.Set("X-Botgate-Bot", "")
	require.Equal(t, http.StatusForbidden, d.signInAs(who).send(http.MethodGet, "/console/events", nil).Code, "a token for no bot")
}

// TestRoles: what a role lacks is refused, whether a button asks for it or somebody who knows the address.
func TestRoles(t *testing.T) {
	t.Parallel()
	d, ids := busyDesk(t)
	one := url.Values{"id": {ids["dead"]}, "key": {"k1"}}
	for scopes, want := range map[string][3]int{viewer: {403, 403, 403}, operator: {200, 303, 403}, admin: {200, 303, 303}} {
		v := d.signIn(scopes)
		require.Equal(t, want[0], v.send(http.MethodGet, "/console/dead", nil).Code, scopes)
		require.Equal(t, want[1], v.send(http.MethodPost, "/console/dead/replay", one).Code, scopes)
		require.Equal(t, want[2], v.send(http.MethodPost, "/console/dead/drop", one).Code, scopes)
	}
	require.Contains(t, d.signIn(viewer).page("/console/events/"+ids["dead"]), "scope events:admin")
	d = newDesk(t, func(c *console.Config) { c.ReadOnly = true })
	id := d.add(command(t, "flaky", "alice", time.Minute, `{}`), dead(1, time.Second))
	v := d.signIn(admin)
	require.Contains(t, v.page("/console/events/"+id), "read-only")
	require.Equal(t, http.StatusForbidden, v.send(http.MethodPost, "/console/dead/replay", url.Values{"id": {id}}).Code)
	require.Empty(t, d.jobs.jobs)
}

// TestReplayByFilter replays what was counted: the window is fixed, and sending the form twice is one job's key.
func TestReplayByFilter(t *testing.T) {
	t.Parallel()
	d, _ := busyDesk(t)
	v := d.signIn(operator)
	page := v.page("/console/dead/replay?bot=flaky&since=24h")
	require.Contains(t, page, "Replay 2 dead letters?")
	require.Contains(t, page, "They will probably die again, or wait:")
	form := url.Values{}
	for _, found := range regexp.MustCompile(`type="hidden" name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		form.Add(found[1], found[2])
	}
	require.Equal(t, now.Add(-24*time.Hour).Format(time.RFC3339Nano), form.Get("since"), "24 hours before the preview, not before the click")
	require.NotEmpty(t, form.Get("until"))
	form.Set("rate", "20")
	for range 2 {
		w := v.send(http.MethodPost, "/console/dead/replay", form)
		require.Equal(t, http.StatusSeeOther, w.Code, w.Body)
		require.Contains(t, v.page(w.Header().Get("Location")), "31 of 48")
	}
	require.Equal(t, []string{form.Get("key"), form.Get("key")}, d.jobs.keys)
	require.Contains(t, string(d.jobs.jobs[0].Parameters), `"rate":20`)
	require.Equal(t, "alice", d.jobs.jobs[0].AskedBy)
	require.Contains(t, string(d.jobs.jobs[0].Parameters), `"bot":"flaky"`)

	form.Set("count", "1001")
	w := v.send(http.MethodPost, "/console/dead/replay", form)
	require.Equal(t, http.StatusUnprocessableEntity, w.Code, "many are to be typed as a number")
	v.headers.Set("Sec-Fetch-Site", "cross-site")
	require.Equal(t, http.StatusForbidden, v.send(http.MethodPost, "/console/dead/replay", form).Code)
	require.Len(t, d.jobs.jobs, 2)
}

func TestLook(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	v := d.signIn(viewer)
	w := v.send(http.MethodPost, "/console/look", url.Values{"theme": {"dark"}, "next": {"/console/events?bot=x"}})
	require.Equal(t, "/console/events?bot=x", w.Header().Get("Location"))
	v.cookies = append(v.cookies, w.Result().Cookies()...)
	require.Contains(t, v.page("/console/events"), `data-theme="dark"`)
	w = v.send(http.MethodPost, "/console/look", url.Values{"tz": {"../../etc/passwd"}})
	require.Equal(t, http.StatusBadRequest, w.Code)
}

func TestFind(t *testing.T) {
	t.Parallel()
	d, ids := busyDesk(t)
	v := d.signIn(viewer)
	for q, want := range map[string]string{
		"": "/console/events", " " + strings.ToUpper(ids["dead"]) + " ": "/console/events/" + ids["dead"], "alice": "/console/events?q=alice",
		"bot:flaky": "/console/events?bot=flaky", "github|bob": "/console/events?q=github%7Cbob",
	} {
		require.Equal(t, want, v.send(http.MethodGet, "/console/find?"+url.Values{"q": {q}}.Encode(), nil).Header().Get("Location"), q)
	}
}
