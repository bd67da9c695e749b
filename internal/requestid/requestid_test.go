package requestid_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/requestid"
)

func TestValid(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		"12345678":              true,
		"a.B_c-9d":              true,
		strings.Repeat("x", 64): true,
		"":                      false,
		"1234567":               false,
		strings.Repeat("x", 65): false,
		"12345678 ":             false,
		"12345678\n":            false,
		"1234,5678":             false,
		"1234é5678":             false,
		`12345678"}`:            false,
		"\x1b[31m12345678":      false,
	} {
		require.Equal(t, want, requestid.Valid(id), "%q", id)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		id := requestid.New()
		require.True(t, requestid.Valid(id), id)
		require.False(t, seen[id])
		seen[id] = true
	}
}
