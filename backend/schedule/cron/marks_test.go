package cron_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/internal/sqldb/sqldbtest"
	"github.com/botgate/botgate/backend/schedule/cron"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestMain(m *testing.M) { testsvc.Main(m) }

var tables = sqldbtest.Part[*cron.Marks]{
	Name: "schedules", Unavailable: cron.ErrUnavailable,
	New: func(db sqldb.DB) *cron.Marks { return cron.NewMarks(db, nil) },
	Read: func(ctx context.Context, m *cron.Marks) error {
		_, err := m.Load(ctx, "demo")
		return err
	},
}

func TestTables(t *testing.T) {
	t.Parallel()
	tables.Test(t)
}

func TestMarks(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, fresh func(t *testing.T) sqldbtest.Open) {
		marks := tables.Migrated(t, fresh(t)(t))
		ctx, noon := t.Context(), time.Date(2026, 3, 1, 12, 0, 0, 123000, time.UTC)
		a, b := cron.Key{Name: "a", Rule: "0 9 * * * UTC"}, cron.Key{Name: "b", Rule: "0 9 * * * UTC"}
		changed := cron.Key{Name: "a", Rule: "0 10 * * * UTC"}
		want := map[cron.Key]time.Time{}
		same := func(why string) {
			t.Helper()
			got, err := marks.Load(ctx, "demo")
			require.NoError(t, err)
			require.Equal(t, want, got, why)
		}
		same("none yet")
		require.NoError(t, marks.Begin(ctx, "demo", nil, noon))
		require.NoError(t, marks.Begin(ctx, "demo", []cron.Key{b, a}, noon))
		require.NoError(t, marks.Begin(ctx, "other", []cron.Key{a}, noon.Add(time.Hour)))
		require.NoError(t, marks.Begin(ctx, "demo", []cron.Key{a, changed}, noon.Add(time.Second)))
		want[a], want[b], want[changed] = noon, noon, noon.Add(time.Second)
		same("the first one to begin did, each rule has its own")
		require.NoError(t, marks.Advance(ctx, "demo", []cron.Key{a, changed}, noon.Add(time.Second/2)))
		want[a] = noon.Add(time.Second / 2)
		same("no mark goes back")
		require.NoError(t, marks.Forget(ctx, noon.Add(time.Second/2), noon.Add(time.Second)))
		delete(want, b)
		same("what nobody set")
		require.NoError(t, marks.Forget(ctx, noon, noon.Add(time.Second-1)))
		delete(want, changed)
		same("what is from a clock that is ahead")
		require.NoError(t, marks.Advance(ctx, "demo", []cron.Key{b}, noon.Add(time.Minute)))
		want[b] = noon.Add(time.Minute)
		same("it comes back with who still has it")

		var group errgroup.Group
		for n := range 4 {
			group.Go(func() error {
				keys := []cron.Key{changed, a, b}
				for turn := range 20 {
					keys = append(keys[1:], keys[0])
					if err := marks.Advance(ctx, "demo", keys, noon.Add(time.Duration(turn*4+n)*time.Hour)); err != nil {
						return err
					}
				}
				return nil
			})
		}
		require.NoError(t, group.Wait(), "none waits for another for ever")
		for _, key := range []cron.Key{a, b, changed} {
			want[key] = noon.Add(79 * time.Hour)
		}
		same("the furthest one")
	})
}
