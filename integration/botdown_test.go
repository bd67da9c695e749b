package integration

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBotDownBesideAHealthyOne has a bot refuse everything while another one gets its events, and
// then come back.
func TestBotDownBesideAHealthyOne(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*stack){"Embedded": (*stack).startEmbedded, "Services": (*stack).startServices} {
		t.Run(name, func(t *testing.T) {
			s := newStack(t)
			var back atomic.Bool
			down := newBot(t, filepath.Join(s.dir, "data", "demo-bot.secret"))
			down.failWith(func(delivered) int {
				if back.Load() {
					return 0
				}
				return http.StatusServiceUnavailable
			})
			release := make(chan struct{})
			hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
			t.Cleanup(hangs.Close)
			t.Cleanup(func() { close(release) })
			content := fmt.Sprintf(`{"bots":{
				"demo":{"url":%q,"allow_private":true,"secret_files":["demo-bot.secret"]},
				"hangs":{"url":%q,"allow_private":true,"secret_files":["demo-bot.secret"],"timeout":"10s"},
				"down":{"url":%q,"allow_private":true,"secret_files":["demo-bot.secret"],"max_attempts":1000,"max_backoff":"500ms","queues":2}}}`,
				s.bot.server.URL+"/events", hangs.URL, down.server.URL+"/events")
			require.NoError(t, os.WriteFile(filepath.Join(s.dir, "data", "bots.json"), []byte(content), 0o600))
			start(s)
			s.requireBesides(t, down, func() { back.Store(true) })
		})
	}
}

// requireBesides sends to all three bots.
func (s *stack) requireBesides(t *testing.T, down *bot, back func()) {
	for n := range 40 {
		s.commandTo("down", "alice", n)
		s.commandTo("hangs", fmt.Sprint("user-", n), n)
	}
	for n := range 10 {
		s.commandTo("demo", "alice", n)
	}
	eventually(t, func() error {
		if n := s.bot.distinct(); n < 10 {
			return fmt.Errorf("the healthy bot has %d of 10 events", n)
		}
		return nil
	})
	require.Empty(t, down.all())
	back()
	eventually(t, func() error {
		if n := down.distinct(); n < 40 {
			return fmt.Errorf("the bot that is back has %d of 40 events", n)
		}
		return nil
	})
	requireInOrder(t, down)
}

// commandTo sends a numbered command to a bot.
func (s *stack) commandTo(bot, user string, n int) {
	s.t.Helper()
	a, err := s.commandOf(bot, s.token(user), fmt.Sprint(bot, "-", n), numbered(n))
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusAccepted, a.status, "%s", a.body)
}
