package api

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/notify"
)

// discard is a client that reads all and keeps nothing.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) WriteHeader(int)             {}
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) Flush()                      {}

// TestLongStreamStaysSmall has a tail follow a thousand events a second for two minutes: what it remembers does not grow
// with what it sent, and nothing is left waiting.
func TestLongStreamStaysSmall(t *testing.T) {
	t.Parallel()
	const perSecond, most = 1000, int((settle+streamBeat)/time.Second+1) * 1000
	synctest.Test(t, func(t *testing.T) {
		log := newLog(t)
		a := log.api(t, Config{})
		s := &stream{
			reader: log, timeout: time.Second, feed: newFeed(streamFilter{}), sent: sent{},
			out: newEventWriter(&response{ResponseWriter: discard{http.Header{}}, metrics: a.metrics}),
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.run(ctx, nil) }()
		remembered, buffered := 0, 0
		for second := range 120 {
			notices := make([]notify.Notice, perSecond)
			for i := range notices {
				notices[i] = notify.Of(entry(fmt.Sprintf("%d-%d", second, i), "alice", time.Now()))
			}
			s.feed.put(notices)
			time.Sleep(time.Second) //nolint:forbidigo // In the bubble it passes at once.
			synctest.Wait()
			require.Empty(t, s.feed.pending)
			remembered, buffered = max(remembered, len(s.sent)), max(buffered, s.out.buf.Cap())
		}
		cancel()
		require.NoError(t, <-ended)
		require.Greater(t, remembered, perSecond)
		require.LessOrEqual(t, remembered, most)
		require.LessOrEqual(t, buffered, 4*flushSize)
	})
}
