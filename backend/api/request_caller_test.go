package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/botclaim"
	"github.com/botgate/botgate/internal/event"
)

// askAs asks as a caller whose token is for bots; each is a separate header.
func askAs(t *testing.T, h http.Handler, method, target string, bots ...string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	r.Header[botclaim.Header] = bots
	h.ServeHTTP(w, r)
	return w
}

// TestCallersSeeTheirBotOnly asks for what is of the bot "demo" on behalf of that bot and
// of another one.
func TestCallersSeeTheirBotOnly(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		method, target string
		// as is what a caller for another bot gets: nothing of "demo", or a refusal.
		as   int
		slug string
	}{
		{"GET", "/v1/events/id-1", 404, "unknown-event"},
		{"GET", "/v1/events", 200, ""},
		{"GET", "/v1/events?bot=demo", 403, "other-bot"},
		{"GET", "/v1/users/42", 200, ""},
		{"GET", "/v1/users/42?bot=demo", 403, "other-bot"},
		{"GET", "/v1/bots/demo/stats", 403, "other-bot"},
		{"GET", "/v1/dead", 200, ""},
		{"GET", "/v1/dead?bot=demo", 403, "other-bot"},
		{"GET", "/v1/dead/id-1", 404, "unknown-dead-letter"},
		{"GET", "/v1/dead/summary", 200, ""},
		{"POST", "/v1/dead/id-1/replay", 404, "unknown-dead-letter"},
		{"DELETE", "/v1/dead/id-1", 404, "unknown-dead-letter"},
		{"POST", "/v1/dead/replay?all=true", 200, ""},
		{"DELETE", "/v1/dead?bot=demo", 403, "other-bot"},
	} {
		for _, bot := range []string{"demo", "other"} {
			reader := &fakeReader{record: record("", nil), page: &store.Page{}, user: &store.User{Bots: []store.UserBot{{}}}}
			if strings.Contains(tc.target, "dead") {
				reader.record.Status = event.StatusDead
			}
			asked := &job.Request{}
			w := askAs(t, handler(t, Config{Reader: reader, Jobs: submitted{request: asked}}), tc.method, tc.target, bot)
			switch {
			case bot == "demo" || tc.slug == "":
				require.Contains(t, []int{200, 202}, w.Code, "%s %s as %s: %s", tc.method, tc.target, bot, w.Body)
				if reader.id == "" {
					require.Equal(t, bot, reader.query.Bot+asked.Bot+reader.userQuery.Bot+reader.statsQuery.Bot, "%s %s", tc.method, tc.target)
				}
			default:
				requireProblem(t, w, tc.as, tc.slug)
				require.NotContains(t, w.Body.String(), "demo")
			}
		}
	}
}

func TestUnfitBotClaimsSeeNothing(t *testing.T) {
	t.Parallel()
	for name, bots := range map[string][]string{
		"empty": {""}, "several": {"demo", "other"}, "an array": {`["demo"]`}, "a list": {"demo,other"}, "a placeholder": {"{http.auth.user.bot}"},
	} {
		reader := &fakeReader{record: record("", nil), page: &store.Page{}}
		h := handler(t, Config{Reader: reader})
		for _, target := range []string{"/v1/events", "/v1/events/id-1", "/v1/users/42", "/v1/bots/demo/stats", "/v1/dead", "/v1/dead/id-1"} {
			requireProblem(t, askAs(t, h, "GET", target, bots...), 403, "other-bot")
		}
		require.Zero(t, reader.calls, name)
	}
}

// TestWhoNeedsABot asks without the header and with it, as gateways do and as operators do.
func TestWhoNeedsABot(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]http.Header{
		"the gateways' secret": {"Authorization": {"Bearer 0123456789abcdef"}},
		"a secret of no value": {"Authorization": {""}},
		"a caller's password":  {"Authorization": {"Basic Og=="}},
		"a caller's address":   {"X-Forwarded-For": {"10.0.0.8"}},
		"a caller's host":      {"X-Forwarded-Host": {"bots.example"}},
		"a caller's scheme":    {"X-Forwarded-Proto": {"https"}},
		"a proxy's word":       {"Forwarded": {"for=10.0.0.8"}},
		"a proxy's name":       {"Via": {"1.1 proxy"}},
		"":                     {},
	} {
		_, err := callerOf(header)
		if name == "" {
			require.NoError(t, err, "an operator asks the API itself")
		} else {
			require.ErrorIs(t, err, noBotHeader, name)
		}
		for given, bot := range map[string]string{"*": "", "demo": "demo"} {
			header.Set(botclaim.Header, given)
			c, err := callerOf(header)
			require.NoError(t, err, name)
			require.Equal(t, bot, c.bot, name)
		}
	}
}
