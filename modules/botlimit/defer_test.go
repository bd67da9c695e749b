package botlimit

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/internal/testsvc"
	"github.com/botgate/botgate/modules/internal/delivery"
)

// deliver makes the request one that a platform signed, with an event of each user.
func (c caller) deliver(r *http.Request) {
	if len(c.batch) == 0 {
		return
	}
	d := &delivery.Delivery{Platform: "line"}
	for _, name := range c.batch {
		d.Events = append(d.Events, platform.Event{Type: "line.message", User: name})
	}
	delivery.Set(r, d)
}

// delays sends a batch and returns how many hours each event has to wait.
func delays(t *testing.T, h *Handler, users ...string) (hours []int) {
	t.Helper()
	passed := false
	sent := time.Now()
	w := send(t, h, caller{address: "192.0.2.1", batch: users, inside: func(r *http.Request) {
		passed = true
		for i := range users {
			wait := 0
			if at := delivery.NotBefore(r, i); !at.IsZero() {
				wait = int(at.Sub(sent).Round(time.Minute).Hours() + 0.5)
			}
			hours = append(hours, wait)
		}
	}})
	require.True(t, passed, "a platform is not refused: %s", w.Body)
	return hours
}

func TestPlatformsAreSlowedDownPerUser(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{"memory": "", "redis": testsvc.Redis(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			z := zone(2, "{http.bot.user}")
			config := Handler{Zones: []Zone{z}}
			h := serving(t, url, config)
			// Longer than the option allows, so that hours can be told apart.
			h.MaxDelay *= 1000
			require.Equal(t, []int{0, 0, 0}, delays(t, h, "ada", "ada", "bob"))
			require.Equal(t, []int{1, 0, 2}, delays(t, h, "ada", "bob", "ada"))
			require.Equal(t, []int{3}, delays(t, h, "ada"))
			require.Equal(t, []int{0}, delays(t, h, "cyd"))
			require.Equal(t, []int{5, 3}, []int{decisions(z, "allowed"), decisions(z, "deferred")})
		})
	}
}

func TestDelayIsBounded(t *testing.T) {
	t.Parallel()
	h := serving(t, "", Handler{Zones: []Zone{zone(1, "{http.bot.user}")}})
	for range 3 {
		sent := time.Now()
		send(t, h, caller{address: "192.0.2.1", batch: []string{"ada"}, inside: func(r *http.Request) {
			if at := delivery.NotBefore(r, 0); !at.IsZero() {
				require.WithinDuration(t, sent.Add(defaultMaxDelay), at, 10*time.Second)
			}
		}})
	}
}

func TestLatestOfSeveralZonesCounts(t *testing.T) {
	t.Parallel()
	h := serving(t, "", Handler{Zones: []Zone{zone(2, ""), zone(1, "{http.bot.user}")}})
	h.MaxDelay *= 1000
	require.Equal(t, []int{0}, delays(t, h, "ada"))
	require.Equal(t, []int{0}, delays(t, h, "bob"))
	require.Equal(t, []int{1}, delays(t, h, "cyd"), "the address")
	require.Equal(t, []int{2}, delays(t, h, "cyd"), "the address, before the user")
}

func TestRejectOnAPlatformRoute(t *testing.T) {
	t.Parallel()
	h := serving(t, "", Handler{Zones: []Zone{zone(3, "{http.bot.user}")}, OverLimit: overLimitReject})
	require.Equal(t, http.StatusAccepted, send(t, h, caller{address: "192.0.2.1", batch: []string{"ada", "ada", "bob"}}).Code)
	require.Equal(t, http.StatusTooManyRequests, send(t, h, caller{address: "192.0.2.1", batch: []string{"bob", "ada", "ada"}}).Code)
	require.Equal(t, http.StatusAccepted, send(t, h, caller{address: "192.0.2.1", batch: []string{"ada", "bob", "bob"}}).Code,
		"of a batch that is refused nothing was counted")
}

func TestDeferForClients(t *testing.T) {
	t.Parallel()
	h := serving(t, "", Handler{Zones: []Zone{zone(1, "{http.auth.user.id}")}, OverLimit: overLimitDefer})
	late := 0
	ada := user("ada")
	ada.inside = func(r *http.Request) {
		if !delivery.NotBefore(r, 0).IsZero() {
			late++
		}
	}
	for range 3 {
		w := send(t, h, ada)
		require.Equal(t, http.StatusAccepted, w.Code)
		require.Contains(t, w.Header().Get("RateLimit"), "r=0")
	}
	require.Equal(t, 2, late)
}

func TestDryRunDefersNothing(t *testing.T) {
	t.Parallel()
	z := zone(1, "{http.bot.user}")
	h := serving(t, "", Handler{Zones: []Zone{z}, DryRun: true})
	require.Equal(t, []int{0, 0}, delays(t, h, "ada", "ada"))
	require.Equal(t, 1, decisions(z, "would_defer"))
}
