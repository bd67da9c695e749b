package integration

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

const (
	// tailSenders send tailPace apart, together 1000 commands a second where the machine can, each of which is two rows.
	tailSenders = 20
	tailPace    = 20 * time.Millisecond
	// tailRows are how many rows are enough, unless BOTGATE_TAIL says how long to look.
	tailRows = 4000
	// tailSlack is how much more memory the page may have at the end than after the first rows, in bytes.
	tailSlack = 4 << 20
)

// watchTail counts the rows of the tail, and how long the page was busy at once, in milliseconds.
const watchTail = `
	globalThis.tail = { rows: 0, tasks: [], widest: 0, lost: 0 };
	new PerformanceObserver((list) => tail.tasks.push(...list.getEntries().map((task) => task.duration))).observe({ type: "longtask" });
	new MutationObserver((changes) => {
		for (const change of changes) tail.rows += change.addedNodes.length;
		tail.widest = Math.max(tail.widest, document.querySelectorAll(".tail tbody tr").length);
	}).observe(document.querySelector(".tail tbody"), { childList: true });
	new MutationObserver(([change]) => { if (change.target.textContent.startsWith("lost")) tail.lost++; })
		.observe(document.querySelector("[data-state]"), { childList: true });`

// tailSeen is what that counted.
type tailSeen struct {
	Rows, Widest, Lost int
	Tasks              []float64
	State              string
}

// TestConsoleTail has the page Live follow a flood: it keeps so many rows, and its memory does not grow. For ten minutes:
//
//	BOTGATE_TAIL=10m go test -tags nobadger,nomysql,nopgx -run ConsoleTail -v -timeout 20m ./integration
func TestConsoleTail(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.startEmbedded()
	b := newBrowser(t, s.base)
	b.do(chromedp.Navigate(s.link("viewer")))
	b.await("signed in", `location.pathname === "/console/" && document.readyState === "complete"`)
	b.goTo("/console/live")
	b.await("following", `document.querySelector("[data-state]").textContent === "following"`)
	evaluate[chromedp.Void](b, watchTail)
	began, stop := time.Now(), s.sendSteadily()
	defer stop()
	b.await("more rows than it keeps", `tail.rows > 1000`)
	early := b.memory()
	b.lookOn()
	late, sent := b.memory(), stop()
	b.await("it follows still", `document.querySelector("[data-state]").textContent.startsWith("following")`)
	seen := evaluate[tailSeen](b, `({ ...tail, state: document.querySelector("[data-state]").textContent })`)
	longest, above := 0.0, 0
	for _, task := range seen.Tasks {
		if longest = max(longest, task); task > 50 {
			above++
		}
	}
	t.Logf("%s: %d commands were accepted, %d rows shown, state %q, lost %d times; %d tasks above 50 ms, the longest %.0f ms; memory %.1f MB at first, %.1f MB at the end",
		time.Since(began).Round(time.Second), sent, seen.Rows, seen.State, seen.Lost, above, longest, early/(1<<20), late/(1<<20))
	require.LessOrEqual(t, seen.Widest, 500, "it keeps so many rows")
	b.requireQuiet("ERR_INCOMPLETE", "failed request") // A slow page is cut off, and comes again.
	require.Less(t, late, early+tailSlack, "memory does not grow")
}

// lookOn has the tail go on for as long as BOTGATE_TAIL says, or for some rows.
func (b *browser) lookOn() {
	b.t.Helper()
	text := os.Getenv("BOTGATE_TAIL")
	if text == "" {
		b.await("some rows", fmt.Sprintf(`tail.rows > %d`, tailRows))
		return
	}
	lasts, err := time.ParseDuration(text)
	require.NoError(b.t, err)
	select {
	case <-b.ctx.Done():
	case <-time.After(lasts):
	}
}

// sendSteadily sends commands until it is stopped, which returns how many were accepted.
func (s *stack) sendSteadily() (stop func() int64) {
	ctx, cancel := context.WithCancel(s.t.Context())
	var sent atomic.Int64
	var senders sync.WaitGroup
	for n := range tailSenders {
		header := bearer(s.tokenWith(jwt.MapClaims{"sub": fmt.Sprint("tail-", n), "exp": time.Now().Add(time.Hour).Unix()}))
		senders.Go(func() {
			tick := time.NewTicker(tailPace)
			defer tick.Stop()
			for ctx.Err() == nil {
				if a, err := send(http.MethodPost, s.base+"/v1/bots/demo/commands", header, hello); err == nil && a.status == http.StatusAccepted {
					sent.Add(1)
				}
				select {
				case <-ctx.Done():
				case <-tick.C:
				}
			}
		})
	}
	return func() int64 {
		cancel()
		senders.Wait()
		return sent.Load()
	}
}

// memory is what the page holds after a collection, in bytes: objects of scripts, and elements.
func (b *browser) memory() float64 {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	held, err := chromedp.Run(ctx, func(ctx context.Context, t *chromedp.Target) (float64, error) {
		for range 2 { // What elements held is free only once scripts hold them no more.
			if _, err := cdp.Call(ctx, t, heapprofiler.CollectGarbage, cdp.Empty{}); err != nil {
				return 0, err
			}
		}
		usage, err := cdp.Call(ctx, t, cdpruntime.GetHeapUsage, cdp.Empty{})
		if err != nil {
			return 0, err
		}
		return usage.UsedSize + usage.EmbedderHeapUsedSize, nil
	})
	require.NoError(b.t, err)
	return held
}
