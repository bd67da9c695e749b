package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// evil is text that must be shown and never act: markup, and what turns the direction of text.
const evil = `"><script>document.title = "acted"</script><img src=x onerror="document.title = 'acted'">` + "\u202egnp.exe"

// puppet takes the place of the browser's streams, and has a test say what happens.
const puppet = `
	globalThis.streams = [];
	globalThis.away = false;
	Object.defineProperty(document, "hidden", { configurable: true, get: () => globalThis.away });
	globalThis.look = (away) => { globalThis.away = away; document.dispatchEvent(new Event("visibilitychange")); };
	globalThis.EventSource = class extends EventTarget {
		static CLOSED = 2;
		readyState = 1;
		constructor(url) { super(); this.url = String(url); streams.push(this); setTimeout(() => this.onopen?.()); }
		close() { this.readyState = 2; }
	};
	globalThis.happen = (n, type) => {
		for (let i = 0; i < n; i++) {
			const data = { id: "01a22819-fb6b-7bbc-ab49-" + String(i).padStart(12, "0"), bot: "demo", type, subject: "alice", status: "failed", at: "2026-03-01T10:00:00.125Z" };
			streams.at(-1).dispatchEvent(new MessageEvent("failed", { data: JSON.stringify(data), lastEventId: "cursor" + i }));
		}
	};
	look(true);`

// requireLive follows what happens: at any speed, paused when somebody scrolls, and never in a tab that is not seen.
func requireLive(t *testing.T, s *stack, b *browser) {
	t.Helper()
	tab := b.another()
	tab.goTo("/console/live?bot=demo")
	tab.await("following", `document.querySelector("[data-state]").textContent === "following"`)
	s.accept("bob", hello)
	tab.await("a row", `/^\d\d:\d\d:\d\d\.\d{3}$/.test(document.querySelector(".tail tbody td")?.textContent)`)
	tab.await("bob's last row", `document.querySelector(".tail tbody tr:last-child [data-status=delivered]") !== null`)

	evaluate[chromedp.Void](tab, puppet)
	require.Zero(t, evaluate[int](tab, `streams.length`), "a tab that is not seen follows nothing")
	evaluate[chromedp.Void](tab, `look(false)`)
	require.Contains(t, evaluate[string](tab, `streams.map((s) => s.url).join(" ")`), "last=", "it goes on where it left")
	evaluate[chromedp.Void](tab, `happen(3000, "fast")`)
	tab.await("as many as it keeps", `document.querySelectorAll(".tail tbody tr").length === 500 && document.querySelector("[data-state]").textContent.endsWith(", 2500 skipped")`)
	evaluate[chromedp.Void](tab, `document.querySelector(".tail").dispatchEvent(new WheelEvent("wheel")), happen(7, "slow")`)
	tab.await("paused, and says so", `document.querySelector("[data-state]").textContent.startsWith("paused, 7 waiting")`)
	evaluate[chromedp.Void](tab, `happen(2000, "fast"), happen(1, `+"`"+evil+"`"+`)`)
	tab.await("no more wait than it shows", `document.querySelector("[data-state]").textContent === "paused, 500 waiting, 4008 skipped"`)
	require.NotContains(t, evaluate[string](tab, `document.querySelector(".tail").textContent`), "script", "nothing moves while it is paused")
	tab.do(chromedp.KeyEvent("."))
	tab.await("resumed", `document.querySelector(".tail tbody tr:last-child").textContent.includes("<script>")`)
	require.Zero(t, evaluate[int](tab, `document.querySelectorAll(".tail script, .tail img").length`))
	evaluate[chromedp.Void](tab, `look(true)`)
	require.Equal(t, []int{2}, evaluate[[]int](tab, `streams.map((s) => s.readyState)`), "the stream is closed")
	require.NotEqual(t, "acted", evaluate[string](tab, `document.title`))
	tab.requireQuiet()
	tab.goTo("/console/help")
}

// requireLiveJobs has the list of jobs hear of one that begins elsewhere, without looking again.
func requireLiveJobs(s *stack, b *browser) {
	b.t.Helper()
	tab := b.another()
	tab.goTo("/console/jobs")
	const rows = `document.querySelectorAll("tr[data-row]").length`
	before := evaluate[int](tab, rows)
	submit := operation{"", "POST", "/v1/jobs", "application/json", `{"kind":"dead-replay","ids":["nothing"]}`}
	require.Equal(b.t, http.StatusAccepted, submit.as(s, s.base, everyScope("officer", nil)).status)
	tab.await("one is new", `!document.querySelector(".news").hidden && document.querySelector(".news b").textContent === "↑ 1 new"`)
	require.Equal(b.t, before, evaluate[int](tab, rows), "nothing moves")
	tab.do(chromedp.Click(chromedp.CSS(".news a")))
	tab.await("it is there", fmt.Sprint(rows, " === ", before+1))
	tab.await("its end, which the stream tells", `document.querySelector("tr[data-row] .mark").textContent.includes("failed")`)
	tab.requireQuiet()
	tab.goTo("/console/help")
}

// requireHostile looks at an event all of which is hostile, in every form: it is text, and the layout stands.
func requireHostile(t *testing.T, s *stack, b *browser) {
	t.Helper()
	id, err := event.NewID("")
	require.NoError(t, err)
	e := &event.Event{
		ID: id, Bot: "demo", Type: evil, Subject: evil, OrderKey: evil, Time: time.Now(), VerifiedBy: "jwt", ContentType: "text/<b>html</b>",
		Data: []byte(evil + strings.Repeat("x", 1<<20) + "\xff\xfe"),
	}
	e.Normalize()
	accepted, err := store.NewEntry(e)
	require.NoError(t, err)
	change, err := event.NewChange(e, event.Change{
		Status: event.StatusDead, Attempt: 1, At: time.Now(), StatusCode: http.StatusGone, Error: evil,
		Answer: &event.Answer{ContentType: evil, Body: []byte(evil + strings.Repeat("y", 3000))},
	})
	require.NoError(t, err)
	died, err := store.NewEntry(change)
	require.NoError(t, err)
	_, err = s.store().Append(t.Context(), []store.Entry{accepted, died})
	require.NoError(t, err)
	for _, path := range []string{"/console/events", "/console/dead", "/console/users", "/console/events/" + id + "?body=hex", "/console/dead/replay?id=" + id, "/console/dead/replay?ids=" + id} {
		b.goTo(path)
		evaluate[chromedp.Void](b, `document.querySelectorAll("details").forEach((d) => { d.open = true; })`)
		b.requireLayout(path)
		require.NotEqual(t, "acted", evaluate[string](b, `document.title`), path)
		require.Zero(t, evaluate[int](b, `document.querySelectorAll("main script, main img").length`), path)
	}
	b.requireQuiet()
}

// requireLayout fails where a page is wider than its window, on a screen and on a phone.
func (b *browser) requireLayout(page string) {
	b.t.Helper()
	for _, width := range []int64{375, 1440} {
		b.do(chromedp.EmulateViewport(width, 900))
		wide := evaluate[string](b, `[...document.querySelectorAll("main *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 200))[0] ?? ""`)
		require.LessOrEqual(b.t, evaluate[int64](b, `document.documentElement.scrollWidth`), width, "%s at %d: %s", page, width, wide)
	}
}

// requireBanner stops everything behind the page, which says so until it is there again.
func requireBanner(t *testing.T, s *stack, b *browser) {
	t.Helper()
	b.goTo("/console/")
	require.Zero(t, s.gateway.stop())
	b.await("the banner", `document.getElementById("stale").textContent.includes("does not answer since") && !document.getElementById("stale").hidden`)
	require.True(t, evaluate[bool](b, `document.querySelector(".charts") !== null`), "what was shown stays")
	s.startGateway()
	b.await("it is back", `document.getElementById("stale").hidden`)
	b.requireQuiet("ERR_CONNECTION", "Failed to load resource", "ERR_EMPTY_RESPONSE", "ERR_INCOMPLETE", "failed request")
}

// press tabs to an element and presses it.
func (b *browser) press(selector string) {
	b.t.Helper()
	for range 60 {
		if evaluate[bool](b, `document.activeElement.matches("`+selector+`")`) {
			b.do(chromedp.KeyEvent(kb.Enter))
			return
		}
		b.do(chromedp.KeyEvent(kb.Tab))
	}
	require.Fail(b.t, "the keyboard does not reach it", selector)
}

// requireLinkIsGoodOnce at whichever of two gateways, whose sessions both know.
func requireLinkIsGoodOnce(t *testing.T, s *stack) {
	t.Helper()
	second := s.elsewhere("BOTGATE_API_UPSTREAM")
	second.share(s, "jwt.secret", "api.secret")
	second.startGateway()
	_, token, _ := strings.Cut(s.link("viewer"), "#t=")
	signIn := func(at *stack) answer {
		a, err := send(http.MethodPost, at.base+"/console/session", bearer(token), nil)
		require.NoError(t, err)
		return a
	}
	a := signIn(second)
	require.Equal(t, http.StatusNoContent, a.status, "%s", a.body)
	requireProblem(t, signIn(s), http.StatusForbidden, "link-used")
	requireProblem(t, signIn(second), http.StatusForbidden, "link-used")
	cookie, _, _ := strings.Cut(a.header.Get("Set-Cookie"), ";")
	for _, at := range []*stack{s, second} {
		page, err := send(http.MethodGet, at.base+"/console/events", http.Header{"Cookie": {cookie}}, nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, page.status)
		require.Contains(t, string(page.body), "<h1>Events</h1>")
	}
}

// share has the stack use secrets of another one.
func (s *stack) share(of *stack, names ...string) {
	s.t.Helper()
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(of.dir, "data", name))
		require.NoError(s.t, err)
		require.NoError(s.t, os.WriteFile(filepath.Join(s.dir, "data", name), content, 0o600))
	}
}
