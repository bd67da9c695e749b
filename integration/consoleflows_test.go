package integration

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
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

// requireWindow chooses one on the bars of the list, and stops what follows.
func requireWindow(b *browser) {
	b.t.Helper()
	b.goTo("/console/events?from=15m")
	rows := len(b.rows())
	b.drag(".bars svg", 0.5, 0.999)
	b.await("the window", `new URLSearchParams(location.search).has("to") && document.readyState === "complete"`)
	require.Len(b.t, b.rows(), rows)
	require.Contains(b.t, evaluate[string](b, `document.querySelector(".bars tbody").textContent`), fmt.Sprint(rows))
	b.drag(".bars svg", 0, 0.1)
	b.await("an earlier one, which says where the last event is", `document.querySelector(".empty")?.textContent.includes("The last one, of ") && document.readyState === "complete"`)
	b.do(chromedp.KeyEvent("."))
	b.await("it stands still", `document.body.dataset.live === "off" && document.readyState === "complete"`)
	b.do(chromedp.KeyEvent("."))
	b.await("it follows", `document.body.dataset.live === "on" && document.readyState === "complete"`)
	b.requireQuiet()
}

// drag presses the mouse at a part of an element's width, and lets it go at another.
func (b *browser) drag(selector string, from, to float64) {
	b.t.Helper()
	box := evaluate[[]float64](b, `(({ left, top, width, height }) => [left, top + height / 2, width])(document.querySelector("`+selector+`").getBoundingClientRect())`)
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for _, step := range []struct {
			kind input.DispatchMouseEventType
			at   float64
		}{
			{input.DispatchMouseEventTypeMouseMoved, from},
			{input.DispatchMouseEventTypeMousePressed, from},
			{input.DispatchMouseEventTypeMouseMoved, to},
			{input.DispatchMouseEventTypeMouseReleased, to},
		} {
			event := input.DispatchMouseEventParams{Type: step.kind, X: box[0] + box[2]*step.at, Y: box[1], Button: input.MouseButtonLeft, ClickCount: 1}
			if _, err := cdp.Call(ctx, t, input.DispatchMouseEvent, event); err != nil {
				return err
			}
		}
		return nil
	}))
}
