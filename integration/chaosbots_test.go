package integration

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// neighbours are bots beside "demo" that handle nothing until they are well: one refuses what it
// gets, one never answers.
type neighbours struct {
	down, hangs *bot
	well        chan struct{}
	heal        func()
}

// newNeighbours puts them beside the stack's bot into the bots file.
func newNeighbours(t *testing.T, s *stack) *neighbours {
	t.Helper()
	secret := filepath.Join(s.dir, "data", "demo-bot.secret")
	n := &neighbours{down: newBot(t, secret), hangs: newBot(t, secret), well: make(chan struct{})}
	n.heal = sync.OnceFunc(func() { close(n.well) })
	n.down.failWith(func(delivered) int {
		select {
		case <-n.well:
			return 0
		default:
			return http.StatusServiceUnavailable
		}
	})
	hanging := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Only of a request that was read whole does the server notice that nobody waits any more.
		body, err := io.ReadAll(r.Body)
		select {
		case <-n.well:
		case <-r.Context().Done():
		}
		if err == nil && r.Context().Err() == nil {
			r.Body = io.NopCloser(bytes.NewReader(body))
			n.hangs.serve(w, r)
		}
	}))
	t.Cleanup(hanging.Close)
	t.Cleanup(n.heal)
	content := fmt.Sprintf(`{"bots":{
		"demo":{"url":%q,"allow_private":true,"secret_files":["demo-bot.secret"]},
		"down":{"url":%q,"allow_private":true,"secret_files":["demo-bot.secret"],"queues":2},
		"hangs":{"url":%q,"allow_private":true,"secret_files":["demo-bot.secret"],"timeout":"5s"},
		"absent":{"pull":true}}}`,
		s.bot.server.URL+"/events", n.down.server.URL+"/events", hanging.URL+"/events")
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "data", "bots.json"), []byte(content), 0o600))
	return n
}
