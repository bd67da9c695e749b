package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// link has the command make one that signs in.
func (s *stack) link(role string) string {
	s.t.Helper()
	out, stderr, code := run(s.t, s.dir, nil, "", gatewayBinary, "console-link", "--role", role, "--sub", "olivia", "--url", s.base)
	require.Zero(s.t, code, stderr)
	return strings.TrimSpace(out)
}

// TestConsole goes through the console as an operator does: from the link to an event that is replayed and delivered.
func TestConsole(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.writeReports()
	s.startEmbedded()
	b := newBrowser(t, s.base)
	s.bot.failWith(func(d delivered) int {
		if d.subject == "alice" {
			return http.StatusGone
		}
		return 0
	})
	dead := s.accept("alice", hello)
	s.awaitStatus(dead, "dead")
	fine := s.accept("bob", hello)
	s.awaitStatus(fine, "delivered")

	link := s.link("admin")
	b.do(chromedp.Navigate(link))
	b.await("signed in", `location.pathname === "/console/" && document.readyState === "complete"`)
	b.goTo("/console/events")
	require.ElementsMatch(t, []string{dead, fine}, b.rows())
	requireAddressIsTheState(t, b, dead)
	requireSelection(b, dead)
	requireReplayByKeys(t, s, b, dead)
	requireReplayByFilter(t, s, b)
	requirePause(s, b)
	requireWindow(b)
	requireEveryPage(t, b, dead, s.report())
	requireTheme(b)
	requireHostile(t, s, b)
	requireLive(t, s, b)
	requireLiveJobs(s, b)
	requireLinkIsGoodOnce(t, s)

	b.goTo("/console/events")
	b.do(chromedp.Click(chromedp.CSS(".who summary")), chromedp.Click(chromedp.CSS(".who button")))
	b.await("signed out", `location.pathname === "/console/login"`)
	b.goTo("/console/events?bot=demo")
	require.Contains(t, b.address(), "/console/login?next=")
	b.requireQuiet()
	b.do(chromedp.Navigate(link))
	b.await("the link is used", `document.querySelector("#refused")?.textContent.includes("good once")`)
	require.NotContains(t, b.address(), "#t=", "the token is not in the history")
	b.requireQuiet("403 (Forbidden)")
	b.do(chromedp.Navigate(s.link("viewer")))
	b.await("signed in again", `location.pathname === "/console/" && document.readyState === "complete"`)
	requireBanner(t, s, b)
	require.NotContains(t, s.gateway.output.String(), "incomplete response", "a stream that its reader closed is nothing to look at")
}

// requireAddressIsTheState: back, reload and a pasted link show what was there.
func requireAddressIsTheState(t *testing.T, b *browser, dead string) {
	t.Helper()
	b.do(chromedp.Click(chromedp.CSS(`nav[aria-label="Status"] a:nth-child(4)`)))
	b.await("only dead ones", `location.search === "?status=dead" && document.readyState === "complete"`)
	require.Equal(t, []string{dead}, b.rows())
	b.do(chromedp.Reload())
	require.Equal(t, []string{dead}, b.rows())
	pasted := b.another()
	pasted.goTo(b.address())
	require.Equal(t, []string{dead}, pasted.rows())
	pasted.requireQuiet()
	evaluate[chromedp.Void](b, "history.back()") // A page that the browser kept is not loaded.
	b.await("all of them", `document.querySelectorAll("tr[data-row]").length === 2`)
}

// requireSelection selects the dead one with keys, and comes to the question about it.
func requireSelection(b *browser, dead string) {
	b.t.Helper()
	b.goTo("/console/events?status=dead")
	b.do(chromedp.KeyEvent("j"), chromedp.KeyEvent("x"))
	b.await("one is selected", `document.querySelector(".selected:not([hidden]) b")?.textContent === "1 selected"`)
	b.do(chromedp.Click(chromedp.CSS(".selected a")))
	b.await("the question", `document.querySelector("h1")?.textContent === "Replay 1 dead letter?" && document.readyState === "complete"`)
	require.Contains(b.t, b.address(), "ids="+dead)
	b.requireQuiet()
}

// requireReplayByKeys opens the dead letter and replays it, with keys alone.
func requireReplayByKeys(t *testing.T, s *stack, b *browser, dead string) {
	t.Helper()
	b.goTo("/console/dead")
	b.do(chromedp.KeyEvent("j"), chromedp.KeyEvent(kb.Enter))
	b.await("the event", fmt.Sprintf(`location.pathname === "/console/events/%s" && document.readyState === "complete"`, dead))
	b.do(chromedp.KeyEvent("r"))
	b.await("the question", `document.querySelector("h1")?.textContent === "Replay 1 dead letter?" && document.readyState === "complete"`)
	s.bot.failWith(nil)
	b.press("form.confirm button")
	b.await("the job", `location.pathname.startsWith("/console/jobs/") && document.readyState === "complete"`)
	s.awaitStatus(dead, "delivered")
	b.do(chromedp.KeyEvent("/"))
	b.await("the box has the focus", `document.activeElement.id === "find"`)
	b.do(chromedp.SetValue(chromedp.ID("find"), dead), chromedp.KeyEvent(kb.Enter))
	b.await("found", fmt.Sprintf(`location.pathname === "/console/events/%s" && document.readyState === "complete"`, dead))
	require.Contains(t, evaluate[string](b, `document.querySelector(".event-head .mark").textContent`), "delivered")
}

// writeReports puts a bot beside demo that asks for its events, by commands and by a schedule.
func (s *stack) writeReports() {
	s.t.Helper()
	content := fmt.Sprintf(`{"bots":{"demo":{"url":%q,"allow_private":true,"secret_files":["demo-bot.secret"]},
		"reports":{"pull":true,"keep_answers":"all","schedules":[{"name":"monthly","cron":"0 6 1 * *","tz":"Europe/Berlin","type":"report"}]}}}`,
		s.bot.server.URL+"/events")
	require.NoError(s.t, os.WriteFile(filepath.Join(s.dir, "data", "bots.json"), []byte(content), 0o600))
}

// report has that bot do a job and say how far it is, and leave another one; it returns the event of the first.
func (s *stack) report() string {
	s.t.Helper()
	worker, id := s.poller("reports"), s.job("reports", `{"pages":10}`)
	lent := s.mustPull(worker, "reports/receive", `{}`)
	receipt := lent.Events[0].Receipt
	for _, settlement := range []string{`"outcome":"extend","progress":40`, `"outcome":"ack","answer":{"content_type":"application/json","body":"{\"pages\":10}"}`} {
		_, err := s.pull(worker, "reports/settle", fmt.Sprintf(`{"settle":[{"receipt":%q,%s}]}`, receipt, settlement))
		require.NoError(s.t, err)
	}
	s.awaitStatus(id, "delivered")
	s.job("reports", `{"pages":3}`)
	return id
}

// requireEveryPage looks at each page in both themes: nothing that axe finds, and nothing in the console.
func requireEveryPage(t *testing.T, b *browser, id, report string) {
	t.Helper()
	job := evaluate[string](b, `fetch("/console/jobs").then((a) => a.text()).then((page) => page.match(/\/console\/jobs\/[0-9a-f-]{36}/)[0])`)
	for name, path := range map[string]string{
		"overview": "/console/", "bots": "/console/bots", "bot": "/console/bots/demo", "pulled": "/console/bots/reports", "job of a bot": "/console/events/" + report + "?body=pretty", "events": "/console/events", "filtered": "/console/events?bot=nobody&status=failed,dead", "event": "/console/events/" + id + "?body=pretty",
		"users": "/console/users", "user": "/console/users/alice", "erase": "/console/users/alice/erase", "audit": "/console/audit", "refused": "/console/refused", "system": "/console/system",
		"export": "/console/events/export?bot=demo&from=1h", "dead": "/console/dead?since=all", "jobs": "/console/jobs", "job": job, "live": "/console/live", "help": "/console/help", "login": "/console/login",
		"error": "/console/nothing",
	} {
		b.scheme("light")
		b.goTo(path)
		evaluate[chromedp.Void](b, b.axe)
		b.requireAccessible(name)
		b.picture(name + "-light")
		b.scheme("dark")
		b.requireAccessible(name+" in the dark", "color-contrast")
		b.picture(name + "-dark")
		b.requireLayout(name)
		b.requireQuiet("status of 404")
	}
}

// requireTheme changes it with a key, which stays.
func requireTheme(b *browser) {
	b.goTo("/console/events")
	b.do(chromedp.KeyEvent("t"))
	b.await("light", `document.documentElement.dataset.theme === "light" && document.readyState === "complete"`)
	b.do(chromedp.KeyEvent("t"))
	b.await("dark", `document.documentElement.dataset.theme === "dark" && document.readyState === "complete"`)
	b.requireQuiet()
}
