package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTypedIsForPeople(t *testing.T) {
	t.Parallel()
	again := typed(strings.NewReader("x\n r \n\nrr\nr\n"))
	<-again
	<-again
	require.Empty(t, again)
	script, err := os.Open(os.DevNull)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, script.Close()) })
	require.Nil(t, typed(script))
}
