package dispatch

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
)

func TestSender(t *testing.T) {
	t.Parallel()
	var status, asked atomic.Int32
	headers := make(chan http.Header, 100)
	address := bot(t, func(w http.ResponseWriter, r *http.Request) {
		headers <- r.Header
		asked.Add(1)
		w.WriteHeader(int(status.Load()))
	})
	receiver := bots.Bot{URL: address, AllowPrivate: true, Secrets: []string{secretOf("one")}, MaxAttempts: 3, MinBackoff: time.Millisecond, MaxBackoff: time.Millisecond}
	s, err := NewSender(receiver, 17)
	require.NoError(t, err)
	defer s.Close()
	for _, tc := range []struct {
		status, attempts int32
		want             error
	}{{204, 1, nil}, {410, 1, ErrRefused}, {500, 3, errUndelivered}, {307, 3, errUndelivered}} {
		status.Store(tc.status)
		asked.Store(0)
		require.ErrorIs(t, s.Send(t.Context(), newEvent("e-1")), tc.want)
		require.Equal(t, tc.attempts, asked.Load())
	}
	h := <-headers
	require.Equal(t, "17", h.Get(headerReplay))
	require.Equal(t, "e-1.r17", h.Get("webhook-id"))
	require.Equal(t, "e-1", h.Get("ce-id"))
	require.NotEmpty(t, h.Get("webhook-signature"))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Send(ctx, newEvent("e-1")), context.Canceled)

	for _, bad := range []bots.Bot{{URL: address}, {URL: "ftp://host", Secrets: receiver.Secrets}, {URL: "http://h", Secrets: []string{"x"}}} {
		_, err := NewSender(bad, 0)
		require.Error(t, err)
	}
}
