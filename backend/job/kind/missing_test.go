package kind_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/job/kind"
)

// TestMissing refuses new jobs, and ends one that was accepted elsewhere, with the same sentence.
func TestMissing(t *testing.T) {
	t.Parallel()
	missing := kind.Missing("Set 100% of the option.")
	var refused *job.ParameterError
	_, err := missing.Prepare([]byte(`{}`), "")
	require.ErrorAs(t, err, &refused)
	require.Equal(t, string(missing), refused.Detail)
	_, err = missing.Run(t.Context(), nil)
	require.EqualError(t, err, string(missing))
}
