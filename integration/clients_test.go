package integration

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestGeneratedClients has the clients that are generated from the OpenAPI document send a command to a running Botgate,
// and read what became of it. "make clients-check" generates them first.
func TestGeneratedClients(t *testing.T) {
	t.Parallel()
	if os.Getenv("BOTGATE_TEST_CLIENTS") == "" {
		t.Skip("make clients-check generates them and runs this")
	}
	s := newStack(t)
	s.startEmbedded()
	for _, client := range [][]string{
		{"go", "-C", "../sdk/clients", "run", "-tags", "generated", "./run"},
		{"node", "../sdk/clients/run/run.mjs"},
	} {
		stdout, stderr, code := run(t, ".", nil, "", client[0], append(client[1:], s.base, s.token("alice"))...)
		require.Zero(t, code, stderr)
		require.Equal(t, "demo delivered\n", stdout)
	}
}
