package kind_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/job/jobtest"
	"github.com/botgate/botgate/backend/job/kind"
	"github.com/botgate/botgate/backend/store"
)

func TestErase(t *testing.T) {
	t.Parallel()
	p := openAt(t, t.TempDir())
	p.fill(t, 70)
	var forgotten []string
	done := jobtest.Do(t, kind.Erase{Store: p.events, Forget: func(_ context.Context, user string, ids []string) {
		require.Nil(t, ids)
		forgotten = append(forgotten, user)
	}}, `{"user":"user-3"}`)
	require.Equal(t, job.StatusDone, done.Status, done.Error)
	require.JSONEq(t, `{"events":10}`, string(done.Result))
	require.Equal(t, []int64{10, 10}, []int64{done.Done, done.Total})
	require.NotContains(t, string(done.Parameters), "user-3", "an erased user is in no job")
	require.Contains(t, string(done.Parameters), "user_hash")
	require.Equal(t, []string{"user-3"}, forgotten)
	p.requireGone(t, "user-3")
	left, err := p.events.List(t.Context(), store.Query{Limit: 100})
	require.NoError(t, err)
	require.Len(t, left.Records, 60)
}

func (p *place) requireGone(t *testing.T, user string) {
	t.Helper()
	found, err := p.events.List(t.Context(), store.Query{Subject: user, Limit: 1})
	require.NoError(t, err)
	require.Empty(t, found.Records)
}

// TestEraseKilled kills worker after worker: in the end nothing is left, and at most a step of each is not counted.
func TestEraseKilled(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	p := openAt(t, folder)
	const users, each = 7, 900
	p.fill(t, users*each)
	made, _, err := p.jobs.Submit(t.Context(), job.Request{Kind: job.EraseKind, Parameters: []byte(`{"user":"user-3"}`), AskedBy: "officer"})
	require.NoError(t, err)
	for range 2 {
		kill(t, folder, 2)
	}
	before, err := p.jobs.Get(t.Context(), made.ID, "")
	require.NoError(t, err)
	require.Equal(t, job.StatusRunning, before.Status)
	require.Positive(t, before.Done)
	require.EqualValues(t, each, before.Total)
	done := p.work(t, made.ID)
	require.Equal(t, job.StatusDone, done.Status, done.Error)
	require.Greater(t, done.Done, before.Done)
	require.Equal(t, "officer", done.AskedBy)
	p.requireGone(t, "user-3")
	left, err := p.events.User(t.Context(), store.UserQuery{Subject: "user-4"})
	require.NoError(t, err)
	require.NotEmpty(t, left.Bots)
}

// TestEraseUnavailable has the database be away for a while.
func TestEraseUnavailable(t *testing.T) {
	t.Parallel()
	p := openAt(t, t.TempDir())
	p.fill(t, 7)
	away := &awayOnce{EraseStore: p.events}
	done := jobtest.Do(t, kind.Erase{Store: away}, `{"user":"user-3"}`)
	require.Equal(t, job.StatusDone, done.Status, done.Error)
	require.Equal(t, 2, away.asked)
	p.requireGone(t, "user-3")
}

type awayOnce struct {
	kind.EraseStore
	asked int
}

func (a *awayOnce) Erase(ctx context.Context, subject string, before time.Time, erased func(int64) error) (int64, error) {
	if a.asked++; a.asked == 1 {
		return 0, store.ErrUnavailable
	}
	return a.EraseStore.Erase(ctx, subject, before, erased)
}

func TestErasePrepare(t *testing.T) {
	t.Parallel()
	k := kind.Erase{}
	_, err := k.Prepare([]byte(`{"user":"alice"}`), "demo")
	require.ErrorIs(t, err, job.ErrForbidden)
	for _, given := range []string{``, `{}`, `{"user":""}`, `{"user":"alice","bot":"demo"}`, `{"user":1}`} {
		_, err := k.Prepare([]byte(given), "")
		var bad *job.ParameterError
		require.ErrorAs(t, err, &bad, given)
	}
	long, err := k.Prepare([]byte(`{"user":"`+strings.Repeat("x", 600)+`"}`), "")
	require.NoError(t, err)
	require.Less(t, len(long), 600, "the name is the one that events have")
}
