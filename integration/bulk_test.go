package integration

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// broadcast is more than a process has of a bot at once.
const broadcast = 400

// sendBulk sends a broadcast to a bot.
func (s *stack) sendBulk(bot string) {
	s.t.Helper()
	const users = 8 // Each has a limit.
	var group errgroup.Group
	for user := range users {
		header := bearer(s.token(fmt.Sprint("user-", user)))
		header.Set("Botgate-Class", "bulk")
		group.Go(func() error {
			for range broadcast / users {
				a, err := send(http.MethodPost, s.base+"/v1/bots/"+bot+"/commands", header, []byte(`{"command":"/news"}`))
				if err != nil || a.status != http.StatusAccepted {
					return fmt.Errorf("bulk was answered %d %s: %w", a.status, a.body, err)
				}
			}
			return nil
		})
	}
	require.NoError(s.t, group.Wait())
}

// TestBulkWaits has a broadcast wait for a bot that takes none of it: what comes after it is delivered, to a bot that is sent
// its events, and to one that asks for them. In the end nothing of the broadcast is lost.
func TestBulkWaits(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*stack){"Embedded": (*stack).startEmbedded, "Services": (*stack).startServices} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			may := make(chan struct{})
			var news atomic.Int32
			bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if body, _ := io.ReadAll(r.Body); bytes.Contains(body, []byte("/news")) {
					select {
					case <-may:
						news.Add(1)
					case <-r.Context().Done():
					}
				}
			}))
			t.Cleanup(bot.Close)
			s := newStack(t)
			content := fmt.Sprintf(`{"bots":{"demo":{"url":%q,"allow_private":true,"secret_files":["demo-bot.secret"],"timeout":"10m","bulk":true},`+
				`"puller":{"pull":true,"bulk":true}}}`, bot.URL)
			require.NoError(t, os.WriteFile(filepath.Join(s.dir, "data", "bots.json"), []byte(content), 0o600))
			begin(s)
			s.sendBulk("demo")
			for range 3 {
				s.awaitStatus(s.accept("alice", hello), "delivered")
			}
			require.Zero(t, news.Load(), "the broadcast waits")
			s.requireBulkIsLentLast()
			close(may)
			eventuallyAll(t, broadcast, "of the broadcast delivered", func() int { return int(news.Load()) })
		})
	}
}

// requireBulkIsLentLast has a poller get what came after a broadcast long before the end of that.
func (s *stack) requireBulkIsLentLast() {
	s.t.Helper()
	s.sendBulk("puller")
	last := s.job("puller", `{}`)
	poller := s.poller("puller")
	for lent := 0; ; {
		got := s.mustPull(poller, "puller/receive", `{"max":8,"lease":"15m"}`)
		for _, e := range got.Events {
			if e.Event.ID == last {
				return
			}
			lent++
		}
		require.Less(s.t, lent, broadcast/2, "the event after it")
	}
}
