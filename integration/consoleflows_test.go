package integration

import (
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// requireReplayByFilter replays what died of one reason: the page says what to expect, and the job is watched to its end.
func requireReplayByFilter(t *testing.T, s *stack, b *browser) {
	t.Helper()
	s.bot.failWith(func(d delivered) int {
		if d.subject == "carol" || d.subject == "dave" {
			return http.StatusGone
		}
		return 0
	})
	ids := []string{s.accept("carol", hello), s.accept("dave", hello)}
	for _, id := range ids {
		s.awaitStatus(id, "dead")
	}
	b.goTo("/console/dead")
	b.do(chromedp.Click(chromedp.CSS(`[aria-labelledby="reasons"] tbody a`)))
	b.await("these alone", `location.search.includes("reason=") && document.querySelectorAll("tr[data-row]").length === 2 && document.readyState === "complete"`)
	b.do(chromedp.Click(chromedp.CSS(".actions a.main")))
	b.await("the question", `document.querySelector("h1")?.textContent === "Replay 2 dead letters?" && document.readyState === "complete"`)
	require.Contains(t, evaluate[string](b, `document.querySelector("main .needs").textContent`), "probably die again")
	died := s.accept("carol", hello)
	s.awaitStatus(died, "dead")
	s.bot.failWith(nil)
	b.do(chromedp.Click(chromedp.CSS("form.confirm button")))
	b.await("the job", `location.pathname.startsWith("/console/jobs/") && document.readyState === "complete"`)
	b.await("its end, without another look", `document.querySelector(".event-head .mark").textContent.includes("done")`)
	require.Contains(t, evaluate[string](b, `document.querySelector("main").textContent`), "2 of 2")
	for _, id := range ids {
		s.awaitStatus(id, "delivered")
	}
	s.awaitStatus(died, "dead") // It was not among those that were counted.
	b.requireQuiet()
}

// requirePause has a bot wait and go on, by its buttons.
func requirePause(s *stack, b *browser) {
	b.t.Helper()
	b.goTo("/console/bots/demo")
	b.do(chromedp.Click(chromedp.CSS(`form[action$="/pause"] button`)))
	b.await("paused", `document.querySelector("main .note.warn")?.textContent.includes("olivia") && document.readyState === "complete"`)
	waits := s.accept("erin", hello)
	b.goTo("/console/")
	b.await("the first page says so", `document.querySelector(".needs")?.textContent.includes("what is for it waits")`)
	s.awaitStatus(waits, "accepted")
	b.goTo("/console/bots/demo")
	b.do(chromedp.Click(chromedp.CSS(`form[action$="/resume"] button`)))
	b.await("resumed", `document.querySelector('form[action$="/pause"]') && document.readyState === "complete"`)
	s.awaitStatus(waits, "delivered")
	b.requireQuiet()
}
