package background_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/background"
)

func TestCloseWaitsForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tasks := background.New()
		ended := false
		tasks.Go(func(ctx context.Context) {
			<-ctx.Done()
			<-time.After(time.Second)
			ended = true
		})
		require.NoError(t, tasks.Close())
		require.True(t, ended)
		require.NoError(t, tasks.Close(), "again")
	})
}

func TestEveryIntervalUntilClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tasks := background.New()
		times := 0
		tasks.Every(time.Minute, func(context.Context) { times++ })
		<-time.After(3*time.Minute + time.Second)
		require.NoError(t, tasks.Close())
		require.Equal(t, 3, times)
		<-time.After(time.Hour)
		require.Equal(t, 3, times)
	})
}
