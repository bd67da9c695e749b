package integration

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// lateChannel takes late answers in the place of the platforms, and counts them by their marks.
type lateChannel struct {
	server *httptest.Server
	// refuse says how a request with a mark is answered, counted from 1; 0 for 200. It is set before the first comes.
	refuse func(mark string, n int) (status int)

	mu           sync.Mutex
	asked, taken map[string]int
}

func newLateChannel(t *testing.T) *lateChannel {
	t.Helper()
	c := &lateChannel{asked: map[string]int{}, taken: map[string]int{}, refuse: func(string, int) int { return 0 }}
	c.server = httptest.NewServer(c)
	t.Cleanup(c.server.Close)
	return c
}

func (c *lateChannel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	mark := mark.FindString(string(body))
	discord := r.Method == http.MethodPatch && r.URL.Path == "/api/v10/webhooks/12/t/messages/@original" && string(body) == fmt.Sprintf(`{"content":%q}`, mark)
	slack := r.Method == http.MethodPost && r.URL.Path == "/commands/T/1/secret" && string(body) == answerTo(mark)
	if !discord && !slack {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	c.asked[mark]++
	n := c.asked[mark]
	c.mu.Unlock()
	if status := c.refuse(mark, n); status != 0 {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(status)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken[mark]++
}

// took is how often an answer was taken.
func (c *lateChannel) took(mark string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.taken[mark]
}

// attempts is how many were made in all.
func (c *lateChannel) attempts() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, of := range c.asked {
		n += of
	}
	return n
}

// refuseSome refuses some answers once: by a limit, and by a failure.
func refuseSome(mark string, n int) int {
	number := 0
	_, _ = fmt.Sscanf(mark, "n%d-", &number)
	switch {
	case n == 1 && number%4 == 1:
		return http.StatusTooManyRequests
	case n == 1 && number%4 == 2:
		return http.StatusBadGateway
	}
	return 0
}

// TestLateAnswersOutlastPlatformAndDispatch has a platform be away for one bot while the process that sends is killed again
// and again: the answers get there once it is back, and those of another bot meanwhile.
func TestLateAnswersOutlastPlatformAndDispatch(t *testing.T) {
	t.Parallel()
	const answers = 20
	s, b, late, p := startAnswering(t, (*stack).startServices, 200*time.Millisecond)
	back, hang := make(chan struct{}), make(chan struct{})
	late.refuse = func(mark string, n int) int {
		select {
		case <-back:
			return 0
		default:
		}
		switch {
		case strings.HasPrefix(mark, "n7"): // Of the bot beside.
			return 0
		case n == 1:
			return http.StatusServiceUnavailable
		}
		<-hang
		return http.StatusServiceUnavailable
	}
	t.Cleanup(func() { close(hang) })
	ask := func(bot, first string) []string {
		p.bot = bot
		marks := make([]string, answers)
		var asking errgroup.Group
		asking.SetLimit(6)
		for n := range marks {
			marks[n] = fmt.Sprintf("n%s%03d-400ms", first, n)
			asking.Go(func() error {
				a, usual, err := p.ask(s, []string{"discord", "slack"}[n%2], marks[n])
				if err != nil || string(a.body) != usual {
					return fmt.Errorf("%s was answered %d %s: %w", marks[n], a.status, a.body, err)
				}
				return nil
			})
		}
		require.NoError(t, asking.Wait())
		return marks
	}
	marks := ask("demo", "6")
	for range 2 {
		before := late.attempts()
		eventually(t, func() error {
			if late.attempts() == before {
				return fmt.Errorf("nothing is sent after %d attempts", before)
			}
			return nil
		})
		s.backends[2].kill()
		s.reviveDispatch()
	}
	for _, mark := range ask("beside", "7") {
		require.Equal(t, "sent", s.whatBecame(eventWith(t, b, mark)), mark)
		require.Positive(t, late.took(mark), mark)
	}
	close(back)
	for _, mark := range marks {
		require.Equal(t, "sent", s.whatBecame(eventWith(t, b, mark)), mark)
		require.Positive(t, late.took(mark), mark)
	}
	for _, process := range append(s.backends, s.gateway) {
		require.NotContains(t, process.output.String(), "/commands/T/1/secret")
	}
}

// eventWith waits until the bot has the event with a mark, and returns its id.
func eventWith(t *testing.T, b *answering, mark string) (id string) {
	t.Helper()
	eventually(t, func() error {
		if id, _ = b.eventOf(mark); id == "" {
			return fmt.Errorf("the bot did not get %s", mark)
		}
		return nil
	})
	return id
}

// TestGatewayIsKilledWhileItHoldsARequest: the event is not lost, the bot acts once, and its answer gets to the platform by
// the late channel.
func TestGatewayIsKilledWhileItHoldsARequest(t *testing.T) {
	t.Parallel()
	s, b, late, p := startAnswering(t, (*stack).startServices, 20*time.Second)
	const mark = "n1-2000ms"
	asked := make(chan error, 1)
	go func() {
		_, _, err := p.ask(s, "slack", mark)
		asked <- err
	}()
	id := eventWith(t, b, mark)
	s.gateway.kill()
	require.Error(t, <-asked)
	s.startGateway()
	require.Equal(t, "sent", s.whatBecame(id))
	require.Equal(t, 1, late.took(mark))
	_, calls := b.eventOf(mark)
	require.Equal(t, 1, calls)
}
