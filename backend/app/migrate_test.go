package app

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue/engines"
)

// slowSchema is a store whose schema can't be brought up to date at the first try.
type slowSchema struct {
	store.Store
	tries    atomic.Int32
	appended chan int32 // The tries that there had been when something was appended.
}

func (s *slowSchema) Migrate(context.Context) error {
	if s.tries.Add(1) == 1 {
		return store.ErrUnavailable
	}
	return nil
}

func (s *slowSchema) Append(context.Context, []*event.Event) ([]store.Entry, error) {
	s.appended <- s.tries.Load()
	return nil, nil
}

// TestNothingIsRecordedBeforeTheSchemaIsThere: a store without its tables would refuse
// the events for good, and they would end in the dead letters.
func TestNothingIsRecordedBeforeTheSchemaIsThere(t *testing.T) {
	t.Parallel()
	q, err := engines.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "queue.db"), engines.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, q.Close()) })
	require.NoError(t, q.Publish(t.Context(), &event.Event{ID: "a", Bot: "demo", Type: "t", OrderKey: "k", Time: time.Now()}))

	settings := config.Default()
	settings.Roles = []config.Role{config.Record}
	a, err := New(Config{Settings: settings, Queue: q})
	require.NoError(t, err)
	s := &slowSchema{appended: make(chan int32, 1)}
	a.store = s
	a.migrate(t.Context(), s)
	require.NoError(t, a.startRecord(t.Context()))
	require.EqualValues(t, 2, <-s.appended)
	require.NoError(t, a.Stop(t.Context()))
}
