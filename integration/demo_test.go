package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

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
	require.Zero(t, p.stop())
}
