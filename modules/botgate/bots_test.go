package botgate_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/botgate"
)

func TestBots(t *testing.T) {
	app, err := provision(t, &botgate.App{Bots: []string{"demo"}})
	require.NoError(t, err)
	require.True(t, app.HasBots())
	require.True(t, app.KnownBot("demo"))
	require.False(t, app.KnownBot("other"))
}

// TestLanesAreNoBots has a bot whose bulk has a queue, beside one that is named twice.
func TestLanesAreNoBots(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bots.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"bots": {"demo": {"bulk": true}, "a": {}}}`), 0o600))
	app, err := provision(t, &botgate.App{BotsFile: path, Bots: []string{"demo"}})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "demo"}, app.BotNames())
}
