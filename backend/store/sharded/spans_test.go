package sharded

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSpans(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]int{
		"0": {0}, "512-514": {512, 513, 514}, "7,3-4, 4-5": {3, 4, 5, 7}, "1023": {1023},
	} {
		buckets, err := ParseSpans(text)
		require.NoError(t, err, text)
		require.Equal(t, want, buckets)
	}
	require.Equal(t, "3-5,7", Spans([]int{7, 3, 4, 5, 4}))
	require.Empty(t, Spans(nil))
	for _, text := range []string{"", "a", "1-", "-1", "5-4", "1024", "0-1024", "1-2-3"} {
		_, err := ParseSpans(text)
		require.ErrorContains(t, err, "no range of buckets", text)
	}
}
