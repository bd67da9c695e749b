package integration

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/internal/desk"
)

// newHeldBot is a bot that answers interactions with their marks once it may.
func newHeldBot(t *testing.T, may <-chan struct{}) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		select {
		case <-may:
		case <-r.Context().Done():
		}
		_, _ = w.Write(mark.Find(body))
	}))
	t.Cleanup(server.Close)
	return server
}

// writeAnsweringBots has both bots' answers go to platforms.
func (s *stack) writeAnsweringBots(demo, other *httptest.Server) {
	s.t.Helper()
	const form = `{"url":%q,"allow_private":true,"secret_files":["demo-bot.secret"],"answers":"platform"}`
	content := fmt.Sprintf(`{"bots":{"demo":`+form+`,"other":`+form+`}}`, demo.URL, other.URL)
	require.NoError(s.t, os.WriteFile(filepath.Join(s.dir, "data", "bots.json"), []byte(content), 0o600))
}

// TestABotThatSaysNothingHasItsOwnWaits fills the waits of a bot: who comes then is answered at once, and the users of
// another bot see what that says.
func TestABotThatSaysNothingHasItsOwnWaits(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*stack){"Embedded": (*stack).startEmbedded, "Services": (*stack).startServices} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			free, now := make(chan struct{}), make(chan struct{})
			close(now)
			slow, quick := newHeldBot(t, free), newHeldBot(t, now)
			s, _, _, p := startAnswering(t, func(s *stack) {
				s.writeAnsweringBots(slow, quick)
				begin(s)
			}, 25*time.Second)
			const beyond = 20
			answers := make(chan answer, desk.MaxOfBot+beyond)
			var asking errgroup.Group
			for n := range cap(answers) {
				asking.Go(func() error {
					a, _, err := p.ask(s, "discord", fmt.Sprintf("n%d-0ms", n))
					answers <- a
					return err
				})
			}
			for range beyond {
				requireAnswer(t, http.StatusOK, `{"type":5}`, <-answers)
			}
			require.Equal(t, []float64{beyond, 0}, s.waits("full", "late"), "nobody waited in vain")
			others := platforms{p.discord, "other"}
			for _, platform := range []string{"discord", "slack"} {
				a, _, err := others.ask(s, platform, "n1-0ms")
				require.NoError(t, err)
				requireAnswer(t, http.StatusOK, "n1-0ms", a)
			}
			require.Empty(t, answers, "the others wait")
			close(free)
			require.NoError(t, asking.Wait())
			for range desk.MaxOfBot {
				a := <-answers
				require.Equal(t, http.StatusOK, a.status)
				require.Regexp(t, `^n\d+-0ms$|^{"type":5}$`, string(a.body)) // A slow machine may be late.
			}
		})
	}
}

// waits counts requests of platforms that waited, by what came of them.
func (s *stack) waits(outcomes ...string) (counts []float64) {
	s.t.Helper()
	for _, outcome := range outcomes {
		counts = append(counts, s.metric(fmt.Sprintf(`botgate_enqueue_waits_total{outcome=%q}`, outcome)))
	}
	return counts
}
