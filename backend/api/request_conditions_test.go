package api

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMatchesAny(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		lines []string
		want  bool
	}{
		{nil, false},
		{[]string{`"a"`}, true},
		{[]string{`W/"a"`}, true},
		{[]string{`"b" , W/"a"`}, true},
		{[]string{`"b"`, `"a"`}, true},
		{[]string{`,, "a",`}, true},
		{[]string{`*`}, true},
		{[]string{` * `}, true},
		{[]string{``}, false},
		{[]string{`"b"`}, false},
		{[]string{`"A"`}, false},
		{[]string{`a`}, false},
		{[]string{`"a`}, false},
		{[]string{`w/"a"`}, false},
		{[]string{`"a" "b"`}, false},
		{[]string{`*, "a"`}, false},
		{[]string{`"a,b", "c"`}, false},
	} {
		require.Equal(t, tc.want, matchesAny(tc.lines, "a"), "%q", tc.lines)
	}
	require.True(t, matchesAny([]string{`"a,b", "c"`}, "a,b"), "a comma can be part of a tag")
}
