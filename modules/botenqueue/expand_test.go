package botenqueue

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOptionsComeOutAsMeant: what restricts who an event is for is there once the configuration is loaded.
func TestOptionsComeOutAsMeant(t *testing.T) {
	t.Setenv("BOTGATE_TEST_BOT", "demo")
	for want, h := range map[string]*Handler{
		"option bot: the placeholder {env.BOTGATE_TEST_UNSET} comes out empty": {Bot: "{env.BOTGATE_TEST_UNSET}"},
		"option bot: the placeholder {secrets.bot} is not known":               {Bot: "{secrets.bot}"},
		"option bot: the placeholder $BOT was not replaced":                    {Bot: "$BOT"},
		"option bot: the placeholder $x was not replaced":                      {Bot: "${BOT}"},
		"option bot: the placeholder {$BOT} is not known":                      {Bot: "{$BOT}"},
		"option bot: there is nothing but white space":                         {Bot: " "},
		`option bot: "a/b" is not a bot's name`:                                {Bot: "a/b"},
		"option user: the placeholder {env.BOTGATE_TEST_UNSET} comes out":      {Bot: "demo", User: "{env.BOTGATE_TEST_UNSET}"},
		"option type: the placeholder $TYPE":                                   {Bot: "demo", Type: "$TYPE"},
		"option order_key: there is nothing but white space":                   {Bot: "demo", OrderKey: "\t"},
	} {
		require.ErrorContains(t, h.expand(), want)
	}
	h := &Handler{Bot: "{env.BOTGATE_TEST_BOT}", User: "{http.auth.user.id}", OrderKey: "{of_map}-{env.BOTGATE_TEST_BOT}"}
	require.NoError(t, h.expand())
	require.Equal(t, "demo", h.Bot)
	require.Equal(t, "{http.auth.user.id}", h.User)
	require.Equal(t, "{of_map}-demo", h.OrderKey)
}
