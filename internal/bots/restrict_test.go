package bots_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
)

func TestNothingIsLeftInTheFile(t *testing.T) {
	t.Setenv("BOTGATE_TEST_BLANK", " ")
	t.Setenv("BOTGATE_TEST_LEFT", "{env.SECRET}")
	for bot, want := range map[string]string{
		`{"url": ""}`:                             "url: it is empty",
		`{"url": " "}`:                            "url: there is nothing but white space",
		`{"url": "https://$HOST/events"}`:         "url: a placeholder in it",
		`{"url": "https://bot.example/{tenant}"}`: "url: a placeholder in it",
		`{"url": "https://bot.example", "secret_files": ["${SECRET_FILE}"]}`:    "secret_files: the placeholder",
		`{"url": "https://bot.example", "secret_envs": ["$SECRET"]}`:            "secret_envs: the name of a variable",
		`{"url": "https://bot.example", "secret_envs": ["BOTGATE_TEST_BLANK"]}`: "it is empty",
		`{"url": "https://bot.example", "secret_envs": ["BOTGATE_TEST_LEFT"]}`:  "that nothing replaced",
	} {
		path := filepath.Join(t.TempDir(), "bots.json")
		require.NoError(t, os.WriteFile(path, []byte(`{"bots": {"demo": `+bot+`}}`), 0o600))
		_, err := bots.Load(path)
		require.ErrorContains(t, err, want, bot)
	}
}
