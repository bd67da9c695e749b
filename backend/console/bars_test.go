package console_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// addressOf is the first address of a link with a text.
func addressOf(t *testing.T, page, text string) string {
	t.Helper()
	found := regexp.MustCompile(`href="([^"]+)"[^>]*>` + text).FindStringSubmatch(page)
	require.NotNil(t, found, text)
	return "/console/events" + strings.ReplaceAll(found[1], "&amp;", "&")
}

// TestBars have what happened in the window, in steps that begin anywhere in it.
func TestBars(t *testing.T) {
	t.Parallel()
	d, _ := busyDesk(t)
	v := d.signIn(viewer)
	for path, want := range map[string][3]int{
		"":                               {6, 2, 2},
		"?from=15m":                      {6, 2, 2},
		"?from=7d&status=dead":           {6, 2, 2}, // They are of all statuses.
		"?bot=demo":                      {3, 0, 0},
		"?user=alice":                    {},
		"?from=all":                      {},
		"?from=30d":                      {},
		"?from=2026-03-01T12:00:00Z&to=": {},
		"?bot=nobody":                    {},
	} {
		found := regexp.MustCompile(`data-numbers="([^"]*)"`).FindStringSubmatch(v.page("/console/events" + path))
		if want == [3]int{} {
			require.Nil(t, found, path)
			continue
		}
		require.NotNil(t, found, path)
		steps := strings.Split(found[1], ",")
		require.LessOrEqual(t, len(steps), 62, path)
		var sum [3]int
		for _, step := range steps {
			for i, text := range strings.Fields(step) {
				n, err := strconv.Atoi(text)
				require.NoError(t, err)
				sum[i] += n
			}
		}
		require.Equal(t, want, sum, path)
	}
	require.Regexp(t, `<td>[1-9]\d*</td>`, v.page("/console/bots/flaky?from=24h"), "and so have charts")
}

// TestWindowsCanBeFixed, and one without events says where the last one is.
func TestWindowsCanBeFixed(t *testing.T) {
	t.Parallel()
	d, ids := busyDesk(t)
	v := d.signIn(viewer)
	page := v.page("/console/events?bot=demo&from=15m")
	fixed := addressOf(t, page, "fixed")
	require.Regexp(t, `from=[0-9T%A-Z-]+Z&to=[0-9T%A-Z-]+Z$`, fixed)
	d.add(command(t, "demo", "late", -time.Second, `{}`))
	page = v.page(fixed)
	require.Equal(t, []string{ids["accepted"], ids["delivered"], ids["long"]}, shownIDs(page), "what came later is not in it")
	require.Contains(t, page, `aria-current="true">fixed`)
	require.NotContains(t, v.page("/console/events?from=all"), ">fixed<")

	page = v.page("/console/events?bot=flaky&from=1m")
	require.Contains(t, page, "No events in since 1m")
	require.Equal(t, []string{ids["failed"]}, shownIDs(v.page(addressOf(t, page, "The last one, of "))))
	require.NotContains(t, v.page("/console/events?bot=nobody"), "The last one")
}

// TestPagesStandStill for who wants that.
func TestPagesStandStill(t *testing.T) {
	t.Parallel()
	v := newDesk(t).signIn(viewer)
	require.Contains(t, v.page("/console/events"), `data-live="on"`)
	w := v.send(http.MethodPost, "/console/look", url.Values{"live": {"off"}, "next": {"/console/"}})
	v.cookies = append(v.cookies, w.Result().Cookies()...)
	require.Contains(t, v.page("/console/events"), `data-live="off"`)
	require.NotContains(t, v.page("/console/live"), `name="live"`, "it has a button of its own")
}
