package console_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestReplayOfSelected replays what of a selection is dead, and nothing else.
func TestReplayOfSelected(t *testing.T) {
	t.Parallel()
	d, ids := busyDesk(t)
	v := d.signIn(operator)
	chosen := strings.Join([]string{ids["dead"], ids["accepted"], ids["hostile"]}, ",")
	page := v.page("/console/dead/replay?ids=" + chosen)
	require.Contains(t, page, "Replay 2 dead letters?")
	require.Contains(t, page, "1 is no dead letter")
	hidden := ids["dead"] + "," + ids["hostile"]
	require.Contains(t, page, `name="ids" value="`+hidden+`"`)
	w := v.send(http.MethodPost, "/console/dead/replay", url.Values{"ids": {hidden}, "rate": {"20"}, "key": {"k1"}})
	require.Equal(t, http.StatusSeeOther, w.Code, w.Body)
	require.Equal(t, "dead-replay", d.jobs.jobs[0].Kind)
	require.JSONEq(t, `{"ids":["`+ids["dead"]+`","`+ids["hostile"]+`"],"rate":20}`, string(d.jobs.jobs[0].Parameters))
	require.Equal(t, []string{"k1"}, d.jobs.keys)

	require.Equal(t, http.StatusForbidden, v.send(http.MethodPost, "/console/dead/drop", url.Values{"ids": {hidden}}).Code)
	require.Equal(t, http.StatusNotFound, v.send(http.MethodGet, "/console/dead/replay?ids=a,b", nil).Code)
	require.Equal(t, http.StatusBadRequest, v.send(http.MethodPost, "/console/dead/replay", url.Values{"ids": {hidden}, "rate": {"fast"}}).Code)
	many := strings.Repeat(ids["dead"]+",", 201) + ids["dead"]
	require.Equal(t, http.StatusBadRequest, v.send(http.MethodPost, "/console/dead/replay", url.Values{"ids": {many}}).Code)
	require.Len(t, d.jobs.jobs, 1)
}

// TestExport writes what the list showed into a file: the window is fixed when somebody asks.
func TestExport(t *testing.T) {
	t.Parallel()
	d, _ := busyDesk(t)
	v := d.signIn(operator)
	require.Contains(t, v.page("/console/events?bot=flaky&status=dead"), `href="/console/events/export?bot=flaky&amp;from=24h&amp;status=dead"`)
	require.Contains(t, v.page("/console/events?bot=flaky&q=al"), "An export knows no filter q.")
	require.Contains(t, v.page("/console/events?status=dead,failed"), "An export is of one status")
	page := v.page("/console/events/export?bot=flaky&from=24h&status=dead")
	since := now.Add(-24 * time.Hour).Format(time.RFC3339Nano)
	require.Contains(t, page, `name="from" value="`+since+`"`)
	form := url.Values{"bot": {"flaky"}, "status": {"dead"}, "from": {since}, "key": {"k2"}}
	require.Equal(t, http.StatusForbidden, d.signIn(viewer).send(http.MethodPost, "/console/events/export", form).Code)
	w := v.send(http.MethodPost, "/console/events/export", form)
	require.Equal(t, http.StatusSeeOther, w.Code, w.Body)
	require.Contains(t, v.page(w.Header().Get("Location")), "export")
	var asked struct{ Filter map[string]string }
	require.NoError(t, json.Unmarshal(d.jobs.jobs[0].Parameters, &asked))
	require.Equal(t, map[string]string{"bot": "flaky", "status": "dead", "from": since}, asked.Filter)

	stop := w.Header().Get("Location") + "/stop"
	require.Equal(t, http.StatusForbidden, d.signIn(viewer).send(http.MethodPost, stop, nil).Code)
	require.Equal(t, http.StatusSeeOther, v.send(http.MethodPost, stop, nil).Code)
	require.Equal(t, []string{d.jobs.jobs[0].ID}, d.jobs.stopped)
	require.Equal(t, http.StatusNotFound, v.send(http.MethodGet, w.Header().Get("Location")+"/result", nil).Code, "there is no file")
}

// TestNeighbours goes from an event to those of the same bot beside it, and finds what waits behind it.
func TestNeighbours(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	add := func(bot, user string, age time.Duration) string { return d.add(command(t, bot, user, age, `{}`)) }
	oldest := add("demo", "alice", 5*time.Minute)
	first := add("demo", "alice", 4*time.Minute)
	second := add("demo", "alice", 4*time.Minute) // At the very time.
	add("flaky", "alice", 3*time.Minute)
	newest := d.add(command(t, "demo", "bob", 2*time.Minute, `{}`), delivered(time.Minute))
	if first > second {
		first, second = second, first
	}
	v := d.signIn(viewer)
	beside := func(id string) (newer, older string) {
		page := v.page("/console/events/" + id)
		link := func(key string) string {
			before, _, found := strings.Cut(page, `" data-key="`+key+`"`)
			if !found {
				return ""
			}
			return before[strings.LastIndex(before, "/")+1:]
		}
		return link("k"), link("j")
	}
	var way []string
	for id := newest; id != ""; _, id = beside(id) {
		way = append(way, id)
	}
	require.Equal(t, []string{newest, second, first, oldest}, way)
	way = nil
	for id := oldest; id != ""; id, _ = beside(id) {
		way = append(way, id)
	}
	require.Equal(t, []string{oldest, first, second, newest}, way)
	require.Contains(t, v.page("/console/events/"+oldest), ">2 events</a> of the same order key wait behind this one")
	require.NotContains(t, v.page("/console/events/"+newest), "wait behind this one")
}

// TestPagesThatAreKnown are not sent again.
func TestPagesThatAreKnown(t *testing.T) {
	t.Parallel()
	d, _ := busyDesk(t)
	v := d.signIn(viewer)
	tag := v.send(http.MethodGet, "/console/events", nil).Header().Get("ETag")
	require.NotEmpty(t, tag)
	v.headers.Set("If-None-Match", tag)
	w := v.send(http.MethodGet, "/console/events", nil)
	require.Equal(t, http.StatusNotModified, w.Code)
	require.Empty(t, w.Body.String())
	require.Contains(t, v.page("/console/events?bot=demo"), "demo", "another page")
	d.add(command(t, "demo", "carol", time.Second, `{}`))
	require.Contains(t, v.page("/console/events"), "carol")
}
