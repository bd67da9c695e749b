package botclaim_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/botclaim"
)

func TestOf(t *testing.T) {
	t.Parallel()
	for claims, want := range map[string]string{
		`{}`: "*", `{"Bot":"demo"}`: "*", `{"bot":"demo"}`: "demo",
		`{"bot":null}`: "", `{"bot":""}`: "", `{"bot":"*"}`: "", `{"bot":[]}`: "", `{"bot":["demo"]}`: "", `{"bot":0}`: "",
		`{"bot":true}`: "", `{"bot":{"demo":1}}`: "", `{"bot":" demo"}`: "", `{"bot":"demo "}`: "", `{"bot":"demo\n"}`: "",
		`{"bot":"demo,other"}`: "", `{"bot":"démo"}`: "", `{"bot":"demo","bot":null}`: "",
	} {
		var values map[string]any
		require.NoError(t, json.Unmarshal([]byte(claims), &values))
		claim, claimed := values["bot"]
		require.Equal(t, want, botclaim.Of(claim, claimed), claims)
	}
}

func TestMay(t *testing.T) {
	t.Parallel()
	require.True(t, botclaim.May(botclaim.All, "demo"))
	require.True(t, botclaim.May("demo", "demo"))
	for _, allowed := range []string{"", "other", "Demo", "demo ", " demo", "demo,demo", "**"} {
		require.False(t, botclaim.May(allowed, "demo"), "%q", allowed)
	}
	for _, bot := range []string{"", "*", " "} {
		require.False(t, botclaim.May(bot, bot) && bot != botclaim.All, "%q is no bot", bot)
	}
	require.False(t, botclaim.May("", ""))
}
