package dispatch

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
)

// TestAddressInside: what the bot's name resolves to when an attempt is made decides, so a name that was a public
// address once can't be turned to this machine. A bot that may go there does not lend its connections.
func TestAddressInside(t *testing.T) {
	t.Parallel()
	reached := make(chan string, 10)
	address := bot(t, func(_ http.ResponseWriter, r *http.Request) { reached <- r.Host })
	address = strings.Replace(address, "127.0.0.1", "localhost", 1)
	q := newFakeQueue()
	start(t, q, address, func(c *Config, b *bots.Bot) { b.AllowPrivate, b.MaxAttempts = false, 2 })
	q.put(1, newEvent("e"))
	require.Equal(t, settled{how: "retry", id: "e", attempt: 1, told: 1}, withoutDelay(q.next(t)))
	q.put(2, newEvent("e"))
	last := q.next(t)
	require.Equal(t, "dead", last.how)
	require.Contains(t, last.reason, "allow_private")
	require.Empty(t, reached)

	free := newFakeQueue()
	start(t, free, address)
	free.put(1, newEvent("f"))
	require.Equal(t, "ack", free.next(t).how)
	require.Len(t, reached, 1)
}
