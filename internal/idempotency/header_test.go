package idempotency_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/idempotency"
)

func TestKeyIn(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"k": "k", `"k"`: "k", `"order 17"`: "order 17", `"a\"b\\c"`: `a"b\c`, `a"b`: `a"b`, `a\b`: `a\b`,
		`"8e03978e-40d5-43e8-bc93-6894a57f9324"`: "8e03978e-40d5-43e8-bc93-6894a57f9324",
		strings.Repeat("x", 255):                 strings.Repeat("x", 255), `"` + strings.Repeat(`\"`, 255) + `"`: strings.Repeat(`"`, 255),
	} {
		key, ok := idempotency.KeyIn(http.Header{idempotency.Header: {given}})
		require.True(t, ok, given)
		require.Equal(t, want, key)
	}
	for _, given := range [][]string{
		{""},
		{`""`},
		{"a b"},
		{`"a`},
		{`"`},
		{`"a"b"`},
		{`"a\b"`},
		{`"é"`},
		{"é"},
		{`"a";v=1`},
		{"k", "k"},
		{"a\tb"},
		{`"a` + "\n" + `"`},
		{strings.Repeat("x", 256)},
		{`"` + strings.Repeat("x", 256) + `"`},
	} {
		_, ok := idempotency.KeyIn(http.Header{idempotency.Header: given})
		require.False(t, ok, given)
	}
	key, ok := idempotency.KeyIn(http.Header{})
	require.True(t, ok)
	require.Empty(t, key)
}

// FuzzKeyIn: nothing panics, and a key that was quoted is the same as the one that was not.
func FuzzKeyIn(f *testing.F) {
	f.Add(`"order 17"`)
	f.Add(`"a\"b\\c"`)
	f.Fuzz(func(t *testing.T, given string) {
		key, ok := idempotency.KeyIn(http.Header{idempotency.Header: {given}})
		if !ok {
			return
		}
		require.True(t, 0 < len(key) && len(key) <= 255)
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"`
		again, ok := idempotency.KeyIn(http.Header{idempotency.Header: {quoted}})
		require.True(t, ok)
		require.Equal(t, key, again)
	})
}
