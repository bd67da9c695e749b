package dispatch

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/testlog"
)

// heldBot is a bot with on_dead hold that does not take some events, and what watches it.
type heldBot struct {
	q    *lineQueue
	d    *Dispatcher
	reg  *prometheus.Registry
	logs testlog.Buffer

	mu       sync.Mutex
	refuses  map[string]int // The answer to an event, where that is not 204.
	received []string
	asked    int
}

const heldBackoff = 10 * time.Minute

// newHeldBot has events a1 and a2 of one order key, b1 of another one, and c1 of another bot.
func newHeldBot(t *testing.T, status int, change func(*bots.Bot)) *heldBot {
	t.Helper()
	b := &heldBot{reg: prometheus.NewRegistry(), refuses: map[string]int{"a1": status}}
	var events []*event.Event
	for _, id := range []string{"a1", "a2", "b1", "c1"} {
		e := newEvent(id)
		e.OrderKey = id[:1]
		if id == "c1" {
			e.Bot = "other"
		}
		events = append(events, e)
	}
	b.q = newLineQueue(events...)
	set := bots.Set{}
	for _, name := range []string{"demo", "other"} {
		bot := bots.Bot{
			Name: name, URL: "http://" + name, Secrets: []string{secretOf("one")}, Timeout: time.Minute,
			MaxBackoff: heldBackoff, OnDead: bots.OnDeadHold,
		}
		change(&bot)
		set[name] = bot
	}
	var err error
	b.d, err = New(Config{Queue: b.q, Bots: set, Registerer: b.reg, Logger: b.logs.Logger()})
	require.NoError(t, err)
	b.d.clients.public = roundTrip(b.answer)
	return b
}

func (b *heldBot) answer(r *http.Request) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	id := r.Header.Get("ce-id")
	if status := b.refuses[id]; status != 0 {
		b.asked++
		return status, nil
	}
	b.received = append(b.received, id)
	return http.StatusNoContent, nil
}

func (b *heldBot) cure() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.refuses)
}

func (b *heldBot) got() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.received...)
}

// times is how often it was asked for what it does not take.
func (b *heldBot) times() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked
}

func (b *heldBot) requireHeld(t *testing.T, keys string) {
	t.Helper()
	require.NoError(t, testutil.GatherAndCompare(b.reg, strings.NewReader(`
# HELP botgate_dispatch_held_keys Order keys that stand still, since on_dead of their bot holds their first event.
# TYPE botgate_dispatch_held_keys gauge
botgate_dispatch_held_keys{bot="demo"} `+keys+`
botgate_dispatch_held_keys{bot="other"} 0
`), "botgate_dispatch_held_keys"))
}

func sleep(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // In the bubble it passes at once.
	synctest.Wait()
}

// TestHeld: whatever would make an event dead holds it, at the head of its order key, and others go on.
// It is tried at max_backoff, and goes in order when somebody asks for that.
func TestHeld(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		change func(*bots.Bot)
		known  []string // Of the event that is held.
	}{
		"refused for good": {410, func(*bots.Bot) {}, []string{"failed held: refused for good: the bot answered 410"}},
		"out of attempts": {
			500, func(b *bots.Bot) { b.MaxAttempts = 2 },
			[]string{"failed the bot answered 500", "failed held: out of attempts: the bot answered 500"},
		},
		"out of time": {
			500, func(b *bots.Bot) { b.GiveUpAfter = time.Hour },
			[]string{"failed the bot answered 500", "failed held: out of time: the bot answered 500"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newHeldBot(t, tc.status, tc.change)
				stop := running(t, b.d)
				sleep(5 * time.Hour)
				require.ElementsMatch(t, []string{"b1", "c1"}, b.got())
				require.Equal(t, tc.known, b.q.of("a1"))
				b.requireHeld(t, "1")
				require.Equal(t, 1, strings.Count(b.logs.String(), "event is held"))
				require.Contains(t, b.logs.String(), "bot=demo event_id=a1")
				asked := b.times()
				sleep(10 * heldBackoff)
				require.InDelta(t, 10, b.times()-asked, 1, "it is tried at max_backoff")
				last := b.q.told()[len(b.q.told())-1]
				require.Equal(t, heldBackoff, last.NextAttempt.Sub(last.At).Round(time.Second))

				b.cure()
				b.q.retryAll("demo")
				synctest.Wait()
				require.Equal(t, []string{"a1", "a2"}, b.got()[2:])
				b.requireHeld(t, "0")
				require.NoError(t, stop())
			})
		})
	}
}

// TestHeldByTheNextProcess: nothing but the bot's settings says that an event is held.
func TestHeldByTheNextProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newHeldBot(t, 410, func(*bots.Bot) {})
		require.NoError(t, func() error { stop := running(t, b.d); sleep(time.Minute); return stop() }())
		next := newHeldBot(t, 410, func(*bots.Bot) {})
		next.d.cfg.Queue, next.q = b.q, b.q
		stop := running(t, next.d)
		sleep(time.Hour)
		require.Empty(t, next.got())
		next.requireHeld(t, "1")
		b.requireHeld(t, "0")
		require.Equal(t, 1, strings.Count(next.logs.String(), "event is held"))
		next.cure()
		sleep(heldBackoff)
		require.Equal(t, []string{"a1", "a2"}, next.got())
		require.NoError(t, stop())
	})
}

// TestGiveUp: the event that somebody gave up is dead at once, and the next of its key goes on.
func TestGiveUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newHeldBot(t, 410, func(*bots.Bot) {})
		stop := running(t, b.d)
		sleep(time.Minute)
		b.q.giveUp("other", "a1")
		b.q.giveUp("demo", "a2")
		b.q.giveUp("demo", "unknown")
		sleep(2 * givenUpFor)
		require.ElementsMatch(t, []string{"b1", "c1"}, b.got(), "what is no head of its key, and what others have, stays")
		asked := b.times()
		b.q.giveUp("demo", "a1")
		synctest.Wait()
		require.Equal(t, asked, b.times())
		require.Equal(t, "dead given up on request", b.q.of("a1")[1])
		require.Equal(t, "a2", b.got()[2])
		b.requireHeld(t, "0")
		require.NotContains(t, b.d.holds.givenUp, givenUp{"demo", "a1"})
		require.NoError(t, stop())
	})
}

// TestGiveUpWhileItWaitsForItsBot: also what waits for a request, or is under way, is given up.
func TestGiveUpWhileItWaitsForItsBot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newHeldBot(t, 503, func(*bots.Bot) {})
		reached, release := make(chan string, 1), make(chan struct{})
		b.d.clients.public = roundTrip(func(r *http.Request) (int, error) {
			if id := r.Header.Get("ce-id"); id != "c1" {
				reached <- id
				<-release
			}
			return b.answer(r)
		})
		b.refuses["b1"] = 503
		b.d.target("demo").gate.breaker.step = 0 // One probe at a time.
		stop := running(t, b.d)
		probe, waits := <-reached, "a1"
		if probe == "a1" {
			waits = "b1"
		}
		synctest.Wait()
		b.q.giveUp("demo", waits)
		synctest.Wait()
		require.Equal(t, []string{"dead given up on request"}, b.q.of(waits))
		b.q.giveUp("demo", probe)
		synctest.Wait()
		require.Empty(t, b.q.of(probe), "its attempt is under way")
		close(release)
		synctest.Wait()
		require.Equal(t, []string{"dead given up on request: the bot answered 503"}, b.q.of(probe))
		require.NoError(t, stop())
	})
}

// TestHeldWhileTheBotIsDown: nothing is dead of what waits for a bot that is down, however long.
func TestHeldWhileTheBotIsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newHeldBot(t, 503, func(b *bots.Bot) { b.GiveUpAfter = time.Hour })
		b.refuses["b1"] = 503
		stop := running(t, b.d)
		sleep(24 * time.Hour)
		require.InDelta(t, 1, testutil.ToFloat64(b.d.metrics.botOpen.WithLabelValues("demo")), 0)
		b.cure()
		b.q.retryAll("demo")
		sleep(3 * time.Second)
		require.ElementsMatch(t, []string{"c1", "a1", "a2", "b1"}, b.got())
		for _, c := range b.q.told() {
			require.NotEqual(t, event.StatusDead, c.Status)
		}
		require.NoError(t, stop())
	})
}

// TestHeldEventsAreBoundedForEachBot: a bot that holds very many events takes no room of another one, and what
// went to another process makes room.
func TestHeldEventsAreBoundedForEachBot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var logs testlog.Buffer
		h := newHolds(logs.Logger())
		hold := func(bot string, n int) {
			h.hold(&queue.Delivery{Event: &event.Event{ID: strconv.Itoa(n), Bot: bot}}, "refused", time.Minute)
		}
		for n := range maxHeldKeys + 10 {
			hold("many", n)
		}
		hold("one", -1)
		require.Equal(t, map[string]int{"many": maxHeldKeys, "one": 1}, h.count())
		require.Equal(t, maxHeldKeys+1, strings.Count(logs.String(), "event is held"))
		sleep(time.Minute + heldSlack + time.Second)
		hold("many", -2)
		require.Equal(t, map[string]int{"many": 1, "one": 0}, h.count())
	})
}
