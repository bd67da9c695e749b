package queuetest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue"
)

// Retention is what [RunRetention] needs the queue to keep.
var Retention = queue.Retention{MaxAge: time.Hour, MaxBytes: 4 << 20}

// RunRetention checks that a history of [Retention] loses its oldest events to newer ones,
// and no more than that.
func RunRetention(t *testing.T, open func(t *testing.T) Harness) {
	t.Helper()
	h := open(t)
	e := newEnv(t, h, openReady(t, h))
	body := make([]byte, 256<<10)
	sent := 0
	first := func() string {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		stop := context.Canceled
		var id string
		err := e.q.ReadHistory(ctx, queue.HistoryRange{}, func(entry queue.HistoryRecord) error {
			id = entry.Event.ID
			return stop
		})
		require.ErrorIs(t, err, stop)
		return id
	}
	publish := func() {
		ev := e.event("key")
		ev.Data = body
		e.publish(e.q, ev)
		sent++
	}
	publish()
	oldest := first()
	require.Eventually(t, func() bool {
		if sent < 200 {
			publish()
		}
		return first() != oldest
	}, patience, tick)
	kept := 0
	for _, entry := range e.history(e.q, queue.HistoryRange{}) {
		kept += len(entry.Event.Data)
	}
	require.GreaterOrEqual(t, int64(kept), Retention.MaxBytes*3/4)
	e.depth(e.q, queue.Record, int64(sent))
	ds := e.subscribe(e.q, queue.Record).take(sent)
	require.Len(t, ds, sent, "what waits is not lost to it")
}
