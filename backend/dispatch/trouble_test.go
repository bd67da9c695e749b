package dispatch

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/recurring"
)

// TestFailuresAreLoggedByBotAndCause has two bots fail now and then, for half an hour, beside one that does not: neither
// is down, and the log says of each why and how often, in few lines.
func TestFailuresAreLoggedByBotAndCause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		const half = 30 * time.Minute
		var failing atomic.Bool
		failing.Store(true)
		turns := map[string]*atomic.Int32{"demo": {}, "other": {}, "well": {}}
		q := newFakeQueue()
		d := newWithout(t, q, func(r *http.Request) (int, error) {
			turn := turns[r.URL.Host].Add(1)
			switch {
			case !failing.Load() || turn%3 == 0:
				return 204, nil
			case r.URL.Host == "demo":
				return http.StatusInternalServerError + int(turn%2), nil
			case r.URL.Host == "other":
				return 0, fmt.Errorf("dialing http://user:password@other: %w", syscall.ECONNREFUSED)
			}
			return 204, nil
		}, "other", "well")
		d.slots.log = slog.New(slog.NewTextHandler(&out, nil))
		stop := running(t, d)
		var n int
		deliver := func() {
			for bot := range turns {
				n++
				e := newEvent(fmt.Sprint(n))
				e.Bot, e.RequestID, e.Data = bot, "r-"+e.ID, []byte("secret-body")
				q.put(1, e)
			}
			for acked := 0; acked < len(turns); {
				if q.next(t).how == "ack" {
					acked++
				}
			}
		}
		for began := time.Now(); time.Since(began) < half; {
			deliver()
			time.Sleep(20 * time.Second) //nolint:forbidigo // In the bubble it passes at once.
		}
		failing.Store(false)
		deliver()
		require.NoError(t, stop())

		log := out.String()
		fails := func(bot, rest string) int {
			return len(regexp.MustCompile(`level=WARN msg="attempts to deliver to a bot fail" bot=`+bot+` event_id=\d+ request_id=r-\d+ `+rest).FindAllString(log, -1))
		}
		periods := int(half / recurring.Period)
		require.InDelta(t, periods, fails("demo", `cause=5xx reason="the bot answered 50[01]" attempt=\d times=\d+\n`), 1)
		require.InDelta(t, periods, fails("other", `cause=refused reason="the bot refused the connection" attempt=\d times=\d+\n`), 1)
		require.Equal(t, 2, strings.Count(log, " attempt=1 times=1\n"), "the first of each")
		require.NotContains(t, log, "bot=well")
		require.NotContains(t, log, "bot is down")
		again := strings.Count(log, "level=INFO")
		require.Equal(t, again, strings.Count(log, `level=INFO msg="bot takes events again"`))
		require.InDelta(t, 2*periods, again, 2)
		for _, secret := range []string{"password", "secret-body", "http://"} {
			require.NotContains(t, log, secret)
		}
		var times int32
		for _, found := range regexp.MustCompile(`times=(\d+)`).FindAllStringSubmatch(log, -1) {
			var count int32
			_, err := fmt.Sscan(found[1], &count)
			require.NoError(t, err)
			times += count
		}
		tried := turns["demo"].Load() + turns["other"].Load()
		require.InDelta(t, tried*2/3, times, float64(tried)/float64(periods), "all but those since the last lines")
	})
}

// TestDeadEventsAreLoggedByBotAndCause has two bots refuse an event each minute, and counts them.
func TestDeadEventsAreLoggedByBotAndCause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		q := newFakeQueue()
		var status atomic.Int32
		status.Store(http.StatusGone)
		d := newWithout(t, q, func(*http.Request) (int, error) { return int(status.Load()), nil }, "other")
		d.deaths.log = slog.New(slog.NewTextHandler(&out, nil))
		stop := running(t, d)
		dies := func(n int, bot string) {
			e := newEvent(fmt.Sprint(n))
			e.Bot = bot
			q.put(1, e)
			require.Equal(t, "dead", q.next(t).how)
		}
		const minutes = 20
		for n := range minutes {
			dies(n, "demo")
			dies(n+minutes, "other")
			time.Sleep(time.Minute) //nolint:forbidigo // In the bubble it passes at once.
		}
		status.Store(http.StatusUnprocessableEntity)
		dies(2*minutes, "demo")
		require.NoError(t, stop())
		for _, bot := range []string{"demo", "other"} {
			found := regexp.MustCompile(`level=WARN msg="events are dead" bot=`+bot+
				` event_id=\d+ cause="refused for good" reason="refused for good: the bot answered 4\d\d" attempts=1 times=(\d)\n`).FindAllStringSubmatch(out.String(), -1)
			require.Len(t, found, minutes/int(recurring.Period/time.Minute)+map[string]int{"demo": 1}[bot], out.String())
			require.Equal(t, "1", found[0][1])
			require.Equal(t, "5", found[1][1])
		}
	})
}

// TestSlowBotsAreLogged has one bot take longer than the threshold for each event, beside one that does not.
func TestSlowBotsAreLogged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		q := newFakeQueue()
		d := newWithout(t, q, func(r *http.Request) (int, error) {
			if r.URL.Host == "demo" {
				time.Sleep(3 * time.Second) //nolint:forbidigo // In the bubble it passes at once.
			}
			return 204, nil
		}, "other")
		d.slots.log, d.slots.slow = slog.New(slog.NewTextHandler(&out, nil)), 2*time.Second
		stop := running(t, d)
		for n := range 20 {
			e := newEvent(fmt.Sprint(n))
			e.Bot = []string{"demo", "other"}[n%2]
			q.put(1, e)
			require.Equal(t, "ack", q.next(t).how)
			time.Sleep(time.Minute) //nolint:forbidigo // In the bubble it passes at once.
		}
		require.NoError(t, stop())
		require.NotContains(t, out.String(), "bot=other")
		lines := regexp.MustCompile(`level=WARN msg="bot answers slowly" bot=demo event_id=\d+ took=3s threshold=2s times=\d\n`).FindAllString(out.String(), -1)
		require.Len(t, lines, 4, out.String())
		require.Len(t, lines, strings.Count(out.String(), "\n"))
	})
}
