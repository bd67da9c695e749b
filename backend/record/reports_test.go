package record

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/report"
)

// fakeReports keeps reports, or takes none.
type fakeReports struct {
	mu   sync.Mutex
	err  error
	kept []*report.Report
}

func (f *fakeReports) Add(_ context.Context, r *report.Report) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.kept = append(f.kept, r)
	}
	return f.err
}

func (f *fakeReports) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func reportEvent(t *testing.T) *event.Event {
	t.Helper()
	r, err := report.New("g")
	require.NoError(t, err)
	r.Counts = []report.Count{{Refusal: report.Refusal{Handler: "bot_jwt", Reason: "expired"}, Count: 3}}
	e, err := r.Event()
	require.NoError(t, err)
	return e
}

// TestReports hands reports of gateways on, and records events also while nobody takes them.
func TestReports(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reports, s := &fakeReports{err: errors.Join(store.ErrUnavailable)}, newStore(nil)
		broken := reportEvent(t)
		broken.ID, broken.Data = "broken", []byte(`{"counts":[{"count":-1}]}`)
		q := newQueue(append(storetest.Events(10), reportEvent(t), broken)...)
		r := start(t, Config{Queue: q, Store: s, Reports: reports})
		synctest.Wait()
		require.Equal(t, 10, s.len())
		require.Equal(t, 1, q.left(), "the report waits")
		require.Contains(t, q.deadLettered, "broken")
		q.publish(storetest.Event(11))
		synctest.Wait()
		require.Equal(t, 11, s.len(), "events do not")
		require.NoError(t, r.Healthy())
		reports.set(nil)
		time.Sleep(time.Minute) //nolint:forbidigo // In the bubble it passes at once.
		synctest.Wait()
		require.Len(t, reports.kept, 1)
		require.EqualValues(t, 3, reports.kept[0].Counts[0].Count)
		require.Zero(t, q.left())
		require.NoError(t, r.stop())
	})
}
