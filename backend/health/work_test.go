package health_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/health"
)

func TestWork(t *testing.T) {
	t.Parallel()
	var w health.Work
	require.ErrorContains(t, w.Healthy(), "not running")
	away, gone := errors.New("away"), errors.New("gone")
	for n, step := range []struct {
		err             error
		fails, recovers bool
	}{{nil, false, false}, {away, true, false}, {gone, false, false}, {nil, false, true}, {nil, false, false}} {
		fails, recovers := w.Note(step.err)
		require.Equal(t, []bool{step.fails, step.recovers}, []bool{fails, recovers}, "step %d", n)
		require.Equal(t, step.err, w.Healthy())
	}
	w.End()
	require.ErrorContains(t, w.Healthy(), "not running")
	fails, _ := w.Note(away)
	require.True(t, fails)
}
