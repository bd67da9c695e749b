package jsonpointer_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/internal/jsonpointer"
)

func TestThereAndBack(t *testing.T) {
	t.Parallel()
	for pointer, location := range map[string][]string{
		"":            nil,
		"/":           {""},
		"/a/0":        {"a", "0"},
		"/a~1b/~0~01": {"a/b", "~~1"},
	} {
		require.Equal(t, pointer, jsonpointer.Format(location))
		parsed, err := jsonpointer.Parse(pointer)
		require.NoError(t, err)
		require.Equal(t, location, parsed)
	}
}

func TestFormatIsBounded(t *testing.T) {
	t.Parallel()
	require.Equal(t, "/a", jsonpointer.Format([]string{"a", strings.Repeat("b", 1<<20), "c"}))
	require.Equal(t, "/a", jsonpointer.Format([]string{"a", strings.Repeat("~", 200)}))
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for _, pointer := range []string{"a", "/~", "/~2", "/a~"} {
		_, err := jsonpointer.Parse(pointer)
		require.Error(t, err, pointer)
	}
}
