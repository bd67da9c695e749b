package spool_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue/spool"
)

// TestNobodyWaitsForTheAnswerToWhatIsSpooled has the wait end at once, and the event go on without it.
func TestNobodyWaitsForTheAnswerToWhatIsSpooled(t *testing.T) {
	t.Parallel()
	b := &broker{}
	b.behave(always(unavailable))
	q := open(t, b, spool.Config{DrainTimeout: 20 * time.Millisecond}, spool.Options{ConfirmTimeout: 20 * time.Millisecond})
	e := newEvent(t, "k", 1)
	e.ReplyBy = time.Now().Add(time.Hour)
	w := q.Desk().Wait(e.Bot, e.ID, e.ReplyBy)
	require.NoError(t, q.Publish(t.Context(), e))
	require.Nil(t, w.Answer(t.Context()))
	require.False(t, w.IsOver(time.Now()))
	require.False(t, e.ReplyBy.IsZero(), "the publisher's event stays as it is")
	b.behave(nil)
	waitDrained(t, q)
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Len(t, b.taken, 1)
	require.True(t, b.taken[0].ReplyBy.IsZero())
}
