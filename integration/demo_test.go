package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// TestDemo: the simulated bots get events of users and of three platforms, and do as they are named.
func TestDemo(t *testing.T) {
	t.Parallel()
	s, p := quickstart(t, "--demo", "--bot-listen", testsvc.FreeAddresses(t, 1)[0])
	eventually(t, func() error {
		if !strings.Contains(p.output.String(), "Ctrl-C stops it") {
			return fmt.Errorf("not ready yet: %s", p.output)
		}
		return nil
	})
	require.Contains(t, p.output.String(), s.base+"/console/login#t=")
	reader := bearer(s.tokenWith(jwt.MapClaims{"sub": "officer", "scope": "events:read"}))
	has := func(query string) error {
		a, err := send(http.MethodGet, s.base+"/v1/events?limit=1&"+query, reader, nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, a.status, "%s", a.body)
		var page struct{ Events []struct{ ID string } }
		if a.json(t, &page); len(page.Events) == 0 {
			return fmt.Errorf("no event yet of %s: %s", query, p.output)
		}
		return nil
	}
	for _, query := range []string{
		"verified_by=github", "verified_by=standard-webhooks", "verified_by=telegram", "verified_by=jwt&user=alice", "verified_by=jwt&user=erin",
		"bot=support&status=delivered", "bot=orders&status=delivered", "bot=slow&status=delivered", "bot=flaky&status=failed,delivered", "bot=down&status=failed,dead",
	} {
		eventually(t, func() error { return has(query) })
	}
	require.NotContains(t, p.output.String(), "Nothing more is sent")
	if picturesWanted() {
		s.demoPictures(reader)
	}
	require.Zero(t, p.stop())
}

// demoPictures shows the pages that have most to show, once something has died.
func (s *stack) demoPictures(reader http.Header) {
	s.t.Helper()
	var found struct{ Events []struct{ ID string } }
	for bot, query := range map[string]string{"down": "status=dead,failed", "flaky": "status=delivered", "support": "status=delivered"} {
		eventually(s.t, func() error {
			a, err := send(http.MethodGet, s.base+"/v1/events?limit=5&bot="+bot+"&"+query, reader, nil)
			require.NoError(s.t, err)
			if a.json(s.t, &found); len(found.Events) < 5 {
				return fmt.Errorf("%d events of %s", len(found.Events), bot)
			}
			return nil
		})
	}
	b := newBrowser(s.t, s.base)
	b.do(chromedp.Navigate(s.link("admin")))
	b.await("signed in", `location.pathname === "/console/" && document.readyState === "complete"`)
	for name, path := range map[string]string{
		"demo-overview": "/console/", "demo-bots": "/console/bots", "demo-bot": "/console/bots/flaky", "demo-events": "/console/events",
		"demo-event": "/console/events/" + s.tried(reader) + "?body=pretty", "demo-dead": "/console/dead", "demo-live": "/console/live",
		"demo-refused": "/console/refused", "demo-system": "/console/system", "demo-users": "/console/users",
	} {
		b.pictures(name, path)
	}
}

// tried is the id of an event that was delivered after several attempts.
func (s *stack) tried(reader http.Header) (id string) {
	s.t.Helper()
	eventually(s.t, func() error {
		var page struct {
			Events []struct {
				ID       string
				Attempts int `json:"attempt_count"`
			}
		}
		a, err := send(http.MethodGet, s.base+"/v1/events?limit=200&bot=flaky&status=delivered", reader, nil)
		require.NoError(s.t, err)
		a.json(s.t, &page)
		for _, e := range page.Events {
			if e.Attempts > 1 {
				id = e.ID
				return nil
			}
		}
		return fmt.Errorf("none of %d was tried more than once", len(page.Events))
	})
	return id
}
