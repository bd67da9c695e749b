package integration

import (
	"crypto/ed25519"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// ping sends a delivery of GitHub.
func (s *stack) ping(delivery string) answer {
	s.t.Helper()
	a, err := s.github("ping", delivery, []byte(`{"zen":"x"}`))
	require.NoError(s.t, err)
	return a
}

// slack sends an event, and says how often it was tried before as Slack does.
func (s *stack) slack(retry int) answer {
	s.t.Helper()
	body := `{"type":"event_callback","team_id":"T","event_id":"Ev1","event":{"type":"message","channel":"C","user":"U","text":"hi"}}`
	header := s.signed("slack", "", "", []byte(body))
	if retry > 0 {
		header.Set("X-Slack-Retry-Num", fmt.Sprint(retry))
		header.Set("X-Slack-Retry-Reason", "http_timeout")
	}
	return s.post("slack", header, body)
}

// line sends a batch of events.
func (s *stack) line(ids ...string) answer {
	s.t.Helper()
	items := make([]string, len(ids))
	for i, id := range ids {
		items[i] = fmt.Sprintf(`{"type":"message","webhookEventId":%q,"source":{"userId":"U1"}}`, id)
	}
	return s.hook("line", "application/json", `{"destination":"D","events":[`+strings.Join(items, ",")+`]}`)
}

// requireBotGot waits until the bot has events of these types, however often it got each.
func (s *stack) requireBotGot(want ...string) {
	s.t.Helper()
	eventually(s.t, func() error {
		types := map[string]string{}
		for _, d := range s.bot.all() {
			types[d.id] = d.typ
		}
		var got []string
		for _, typ := range types {
			got = append(got, typ)
		}
		if slices.Sort(got); !slices.Equal(want, got) {
			return fmt.Errorf("the bot got %q", got)
		}
		return nil
	})
}

// TestPlatformRepeats sends what platforms send again: they get their success, and the
// event is not queued again.
func TestPlatformRepeats(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	// Loopback is not Telegram.
	s := startWithHooks(t, public, strings.Replace(hooks, "import only_from_telegram", "", 1))
	platforms := map[string]func(retry int) answer{
		"slack":  s.slack,
		"github": func(int) answer { return s.ping("delivery-1") },
		"line":   func(int) answer { return s.line("a", "b") },
		"telegram": func(int) answer {
			return s.hook("telegram", "application/json", `{"update_id":7,"message":{"chat":{"id":1},"from":{"id":2},"text":"hi"}}`)
		},
		"discord": func(int) answer {
			return s.discord(private, `{"type":2,"id":"1","token":"answer-me","channel_id":"C","user":{"id":"U"}}`)
		},
	}
	const retries = 3
	for name, deliver := range platforms {
		first := deliver(0)
		require.Contains(t, []int{http.StatusOK, http.StatusAccepted}, first.status, "%s: %s", name, first.body)
		for retry := range retries {
			again := deliver(retry + 1)
			requireAnswer(t, first.status, string(first.body), again)
			require.False(t, replayed(again), "that is for API clients")
		}
	}
	require.Equal(t, retries*len(platforms), s.repeated())
	requireAnswer(t, http.StatusOK, "{}", s.line("b", "c", "a"))
	require.Equal(t, retries*len(platforms), s.repeated(), "one of the batch is new")

	want := []string{"discord.command", "github.ping", "line.message", "line.message", "line.message", "slack.message", "telegram.message"}
	s.requireBotGot(want...)

	// A restart forgets what the process knew; the ids keep the events once.
	s.gateway.kill()
	s.startGateway()
	requireAnswer(t, http.StatusOK, "", s.slack(1))
	requireAnswer(t, http.StatusOK, "{}", s.line("c", "d"))
	s.requireBotGot(slices.Insert(want, 2, "line.message")...)
	eventually(t, func() error {
		if n := len(s.recorded()); n != len(want)+1 {
			return fmt.Errorf("%d events are recorded", n)
		}
		return nil
	})
}
