package integration

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

const (
	// speedEvents are sent one after the other.
	speedEvents = 50
	// paints are how often a page is loaded with what the browser keeps.
	paints = 10
)

// firstPaint is when something of the page was seen, in milliseconds after it was asked for.
const firstPaint = `new Promise((seen) => {
	const told = (list) => list.filter((paint) => paint.name === "first-contentful-paint").forEach((paint) => seen(paint.startTime));
	new PerformanceObserver((list) => told(list.getEntries())).observe({ type: "paint", buffered: true });
})`

// watchRows notes when the first row of each event came, in milliseconds of the clock, by the end of its id.
const watchRows = `
	globalThis.came = {};
	new MutationObserver((changes) => {
		for (const change of changes) for (const row of change.addedNodes) came[row.querySelector("a.id").textContent] ??= performance.timeOrigin + performance.now();
	}).observe(document.querySelector(".tail tbody"), { childList: true });`

// TestConsoleSpeed says how long a page takes until something of it is seen, and an event until it is on the tail.
// It asks for no speed: the figures of docs/guides/sizing.md are by it, with -v.
func TestConsoleSpeed(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.startEmbedded()
	b := newBrowser(t, s.base)
	b.do(chromedp.Navigate(s.link("viewer")))
	b.await("signed in", `location.pathname === "/console/" && document.readyState === "complete"`)
	for range speedEvents {
		s.awaitStatus(s.accept("alice", hello), "delivered")
	}
	for _, cold := range []bool{true, false} {
		b.keepNothing(cold)
		for _, page := range []string{"/console/", "/console/events"} {
			b.goTo(page)
			var took []float64
			for range paints {
				b.do(chromedp.Reload())
				took = append(took, evaluate[float64](b, firstPaint))
			}
			slices.Sort(took)
			t.Logf("%s, without what the browser keeps %t: first paint after %.0f ms, the slowest of %d %.0f ms", page, cold, took[len(took)/2], len(took), took[len(took)-1])
		}
	}
	b.goTo("/console/live")
	b.await("following", `document.querySelector("[data-state]").textContent === "following"`)
	evaluate[chromedp.Void](b, watchRows)
	sent := map[string]time.Time{}
	for range speedEvents {
		at := time.Now()
		id := s.accept("alice", hello)
		sent[id[len(id)-8:]] = at
		s.awaitStatus(id, "delivered")
	}
	b.await("all of them", fmt.Sprint("Object.keys(came).length === ", speedEvents))
	var took []float64
	for id, at := range evaluate[map[string]float64](b, `came`) {
		require.Contains(t, sent, id)
		took = append(took, at-float64(sent[id].UnixMicro())/1000)
	}
	slices.Sort(took)
	t.Logf("an event is on the tail after %.0f ms, the slowest of %d %.0f ms", took[len(took)/2], len(took), took[len(took)-1])
	b.requireQuiet()
}

// keepNothing has the browser load everything anew, or not.
func (b *browser) keepNothing(nothing bool) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: nothing})
		return err
	}))
}
