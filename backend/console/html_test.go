package console_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/botgate/botgate/internal/event"
)

// hostile is text that must be shown and never act: markup, what turns the direction of text, and no UTF-8.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)> ` + "\u202egnp.exe \x1b[31m"

// busyDesk is one with every state that an event can be in, hostile ones too.
func busyDesk(t *testing.T) (d *desk, ids map[string]string) {
	t.Helper()
	d = newDesk(t)
	ids = map[string]string{
		"accepted":  d.add(command(t, "demo", "alice", time.Minute, `{"n":1}`)),
		"delivered": d.add(command(t, "demo", "bob", 2*time.Minute, `{"n":2}`), delivered(119*time.Second)),
		"failed":    d.add(command(t, "flaky", "alice", 3*time.Minute, `{"n":3}`), failed(1, 170*time.Second)),
		"dead":      d.add(command(t, "flaky", "alice", 4*time.Minute, `{"n":4}`), failed(1, 230*time.Second), dead(2, 220*time.Second)),
	}
	evil := command(t, "flaky", strings.ReplaceAll(hostile, "\x1b", ""), 5*time.Minute, "")
	evil.Type, evil.ContentType = "<b>type</b>", "text/<i>html</i>"
	evil.Data = append([]byte(hostile), 0xff, 0xfe)
	evil.OrderKey = "<u>key</u>"
	bad := dead(1, 290*time.Second)
	bad.Error, bad.Answer = hostile, &event.Answer{ContentType: "<s>", Body: []byte(hostile)}
	ids["hostile"] = d.add(evil, bad)
	long := command(t, "demo", strings.Repeat("w", 200), 6*time.Minute, `"`+strings.Repeat("x", 1<<20)+`"`)
	ids["long"] = d.add(long)
	return d, ids
}

// pages are the addresses of every page in every state.
func pages(d *desk, ids map[string]string) []string {
	v := d.signIn(admin)
	w := v.send(http.MethodPost, "/console/dead/replay", url.Values{"id": {ids["dead"]}})
	all := []string{
		"/console/", "/console/users", "/console/users?q=al&bot=demo", "/console/users?q=zz", "/console/users/alice", "/console/users/alice/erase", "/console/users/alice/reset?zone=user", "/console/users/alice/reset?zone=address", "/console/users/nobody",
		"/console/refused", "/console/refused?from=1h&reason=mismatch", "/console/refused?reason=nothing", "/console/audit", "/console/audit?from=all&by=alice", "/console/audit?by=nobody", "/console/system",
		"/console/events/export?bot=flaky&from=24h", "/console/events/export?from=yesterday", "/console/dead/replay?ids=" + ids["dead"] + "," + ids["accepted"], "/console/bots", "/console/bots/flaky", "/console/bots/flaky?from=24h", "/console/bots/nobody",
		"/console/events", "/console/events?bot=nobody", "/console/events?status=failed,dead&from=1h&user=alice", "/console/events?from=all&tz=Europe/Berlin",
		"/console/dead", "/console/dead?bot=flaky&since=all", "/console/dead?bot=nobody", "/console/dead/replay?id=" + ids["dead"],
		"/console/dead/replay?bot=flaky&since=24h", "/console/dead/drop?bot=nobody", "/console/dead/drop?since=24h",
		"/console/live", "/console/live?bot=demo", "/console/jobs", w.Header().Get("Location"), "/console/help", "/console/login", "/console/login?next=/console/dead",
		"/console/events?bott=x", "/console/events/not-an-id", "/console/nothing", "/console/events/" + strings.Repeat("0", 8) + "-0000-0000-0000-000000000000",
	}
	for _, id := range ids {
		for _, form := range []string{"", "?body=pretty", "?body=raw", "?body=hex"} {
			all = append(all, "/console/events/"+id+form)
		}
	}
	return all
}

// TestPagesAreSound reads every page as browsers do.
func TestPagesAreSound(t *testing.T) {
	t.Parallel()
	d, ids := busyDesk(t)
	for _, scopes := range []string{admin, operator, viewer} {
		v := d.signIn(scopes)
		for _, path := range pages(d, ids) {
			w := v.send(http.MethodGet, path, nil)
			require.Contains(t, []int{200, 400, 403, 404}, w.Code, path)
			require.Less(t, w.Body.Len(), 300<<10, path)
			requireSound(t, v, path, w.Body.String())
		}
	}
}

// requireSound fails on what a page must not have, and on what it lacks.
func requireSound(t *testing.T, v *visitor, path, page string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	seen, labels, count := map[string]bool{}, map[string]bool{}, map[string]int{}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == "label" {
			labels[attribute(n, "for")] = true
		}
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		count[n.Data]++
		for _, a := range n.Attr {
			require.False(t, a.Key == "style" || strings.HasPrefix(a.Key, "on"), "%s: %s of %s", path, a.Key, n.Data)
		}
		if id := attribute(n, "id"); id != "" {
			require.False(t, seen[id], "%s: the id %s is there twice", path, id)
			seen[id] = true
		}
		switch n.Data {
		case "script":
			require.True(t, strings.HasPrefix(attribute(n, "src"), "/console/static/") && n.FirstChild == nil, path)
		case "style", "iframe", "object", "embed", "base":
			t.Fatalf("%s has the element %s", path, n.Data)
		case "th":
			require.NotEmpty(t, attribute(n, "scope"), path)
		case "table":
			require.True(t, attribute(n, "aria-labelledby") != "" || hasChild(n, "caption"), "%s: a table without a name", path)
		case "input", "textarea", "select", "progress":
			named := attribute(n, "type") == "hidden" || labels[attribute(n, "id")] || inLabel(n)
			require.True(t, named, "%s: the field %s has no label", path, attribute(n, "name"))
		}
		for _, name := range []string{"href", "src", "action"} {
			if n.Data == "form" && attribute(n, "method") == "post" {
				continue // TestRoles and others send them.
			}
			requireResolves(t, v, path, attribute(n, name))
		}
	}
	require.Equal(t, 1, count["h1"], path)
	require.Equal(t, 1, count["main"], path)
	require.Equal(t, 1, count["title"], path)
	for _, acts := range []string{"<b>type", "<i>html", "<u>key", "\u202e", "\x1b"} {
		require.NotContains(t, page, acts, path)
	}
}

// requireResolves follows a link of a page, as far as to a page.
func requireResolves(t *testing.T, v *visitor, path, link string) {
	t.Helper()
	if link == "" || strings.HasPrefix(link, "#") {
		return
	}
	base, err := url.Parse("http://botgate.test" + path)
	require.NoError(t, err)
	to, err := base.Parse(link)
	require.NoError(t, err, link)
	require.Equal(t, "botgate.test", to.Host, "%s has a link out: %s", path, link)
	require.True(t, strings.HasPrefix(to.Path, "/console/"), "%s: %s", path, link)
	if v.d.followed[to.RequestURI()] {
		return
	}
	v.d.followed[to.RequestURI()] = true
	w := v.send(http.MethodGet, to.RequestURI(), nil)
	require.True(t, slices.Contains([]int{200, 303, 403}, w.Code) || strings.HasPrefix(path, "/console/jobs?"),
		"%s: the link %s answers %d", path, link, w.Code)
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func hasChild(n *html.Node, name string) bool {
	for c := range n.ChildNodes() {
		if c.Data == name {
			return true
		}
	}
	return false
}

func inLabel(n *html.Node) bool {
	for a := range n.Ancestors() {
		if a.Data == "label" {
			return true
		}
	}
	return false
}

// TestHostileTextIsShown as text, in the list, in the event, and whole in the download.
func TestHostileTextIsShown(t *testing.T) {
	t.Parallel()
	d, ids := busyDesk(t)
	v := d.signIn(admin)
	page := v.page("/console/events/" + ids["hostile"] + "?body=hex")
	require.Contains(t, page, "&lt;script&gt;alert(1)&lt;/script&gt;")
	require.Contains(t, page, `\u202egnp.exe`, "what would turn the direction is shown as an escape")
	require.Contains(t, page, "ff fe", "bytes that are no text are shown as such")
	w := v.send(http.MethodGet, "/console/events/"+ids["hostile"]+"/body", nil)
	require.Equal(t, hostile+"\xff\xfe", w.Body.String())
	require.Equal(t, "application/octet-stream", w.Header().Get("Content-Type"))
	require.True(t, strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment"))
}

// TestBodiesAreShownAsTheyWereSent: numbers, order and repeats stay, and a page has a bounded part.
func TestBodiesAreShownAsTheyWereSent(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	v := d.signIn(viewer)
	id := d.add(command(t, "demo", "alice", time.Minute, `{"z":12345678901234567890.10,"a":1e400,"z":"\u00e9"}`))
	pretty := html.UnescapeString(v.page("/console/events/" + id))
	require.Contains(t, pretty, "{\n  \"z\": 12345678901234567890.10,\n  \"a\": 1e400,\n  \"z\": \"\\u00e9\"\n}")
	long := d.add(command(t, "demo", "alice", time.Minute, `"`+strings.Repeat("x", 1<<20)+`"`))
	page := v.page("/console/events/" + long)
	require.Less(t, len(page), 100<<10)
	require.Contains(t, page, "The first 64 KiB of 1.0 MiB are shown")
}
