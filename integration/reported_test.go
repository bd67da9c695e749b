package integration

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// TestRefusalsAreReported finds what the gateway refused through the API, whatever the queue is, and has tokens of one
// bot see that bot's part.
func TestRefusalsAreReported(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*stack){"embedded": (*stack).startEmbedded, "services": (*stack).startServices} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t)
			s.twoBots()
			begin(s)
			s.requireReported()
		})
	}
}

func (s *stack) requireReported() {
	s.t.Helper()
	for _, path := range []string{"/hooks/demo/github", "/v1/bots/other/commands", "/v1/bots/nobody-private/commands?access_token=private"} {
		header := bearer("private")
		header.Set("X-Hub-Signature-256", "sha256="+strings.Repeat("00", 32))
		a, err := send(http.MethodPost, s.base+path, header, []byte(`{"private":true}`))
		require.NoError(s.t, err)
		require.Equal(s.t, http.StatusUnauthorized, a.status, path)
	}
	type answered struct {
		Total    int
		Refusals []struct{ Handler, Reason, Platform, Bot string }
		Samples  []struct{ Path, Bot string }
	}
	ask := func(bot any) (found answered, body string) {
		a := s.get(s.readerOf(bot), "/v1/refusals?from=1h")
		if a.status == http.StatusOK { // Its table may be made after the others.
			a.json(s.t, &found)
		}
		return found, string(a.body)
	}
	eventually(s.t, func() error {
		if found, body := ask(nil); found.Total < 3 {
			return errors.New(body)
		}
		return nil
	})
	found, body := ask(nil)
	require.Equal(s.t, 3, found.Total)
	require.Len(s.t, found.Samples, 3)
	require.NotContains(s.t, strings.ReplaceAll(body, "/v1/bots/nobody-private/commands", ""), "private", "but the path")
	found, body = ask("demo")
	require.Len(s.t, found.Refusals, 1, body)
	require.Equal(s.t, []string{"bot_signature", "signature_mismatch", "github", "demo"},
		[]string{found.Refusals[0].Handler, found.Refusals[0].Reason, found.Refusals[0].Platform, found.Refusals[0].Bot})
	require.Len(s.t, found.Samples, 1)
	found, body = ask("other")
	require.Equal(s.t, 1, found.Total, body)
	require.Equal(s.t, "/v1/bots/other/commands", found.Samples[0].Path)
	admin := bearer(s.tokenWith(jwt.MapClaims{"scope": "events:admin"}))
	eventually(s.t, func() error {
		shown := string(s.get(admin, "/v1/system").body)
		for _, part := range []string{`"service":"botgate"`, `"service":"botgate-backend"`, `"record"`, `"dispatch"`} {
			if !strings.Contains(shown, part) {
				return fmt.Errorf("no %s in %s", part, shown)
			}
		}
		return nil
	})
	found, body = ask("third")
	require.Zero(s.t, found.Total, body)
	require.Empty(s.t, found.Samples)
}
