package preference

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestValue(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"":                                  "none",
		"wait=10":                           "10",
		`WAIT = "7"; x=y`:                   "7",
		"respond-async|wait=3, wait=9":      "3",
		"respond-async; wait=10":            "none",
		"waiting=3":                         "none",
		"wait":                              "",
		"handling=lenient,respond-async, ,": "none",
	} {
		value, ok := Value(http.Header{"Prefer": strings.Split(given, "|")}, "wait")
		if !ok {
			value = "none"
		}
		require.Equal(t, want, value, given)
	}
	_, ok := Value(http.Header{"Prefer": {"handling=lenient,respond-async, ,"}}, "respond-async")
	require.True(t, ok)
}
