package app_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/app"
	"github.com/botgate/botgate/backend/store/sqlite"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
)

// TestLostEventIsDelivered has an event in the log that the embedded queue does not have.
func TestLostEventIsDelivered(t *testing.T) {
	t.Parallel()
	var received atomic.Int32
	bot := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { received.Add(1) }))
	t.Cleanup(bot.Close)
	c := settings(t, bot.URL)
	c.ReconcileAfter = time.Second
	lost := newEvent(t, "k", `{"lost":true}`)
	log, err := sqlite.Open(t.Context(), sqlite.Config{Path: strings.TrimPrefix(c.DatabaseURL, "sqlite://")})
	require.NoError(t, err)
	_, err = storetest.Record(t.Context(), log, []*event.Event{lost})
	require.NoError(t, err)
	require.NoError(t, log.Close())
	a := start(t, app.Config{Settings: c})
	waitFor(t, a, lost.ID, event.StatusDelivered)
	_, metrics := get(t, a, "/metrics")
	require.Contains(t, metrics, "botgate_reconciled_total 1")
	require.EqualValues(t, 1, received.Load())
}
