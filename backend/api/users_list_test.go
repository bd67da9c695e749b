package api

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
)

func TestListUsers(t *testing.T) {
	t.Parallel()
	reader := &fakeReader{}
	h := handler(t, Config{Reader: reader})
	require.JSONEq(t, `{"users":[{"user":"alice","links":{"user":"/v1/users/alice"}},{"user":"x/data","links":{"user":"/v1/users/x%2Fdata"}}],
		"next_cursor":"eC9kYXRh"}`, ask(t, h, "GET", "/v1/users?q=a").Body.String())
	for query, want := range map[string]store.UsersQuery{
		"":                                   {Limit: 50},
		"?q=al&bot=demo&limit=7":             {Prefix: "al", Bot: "demo", Limit: 7},
		"?q=x%2F&cursor=eC9kYXRh&limit=&bot": {Prefix: "x/", After: "x/data", Limit: 50},
	} {
		require.Equal(t, 200, ask(t, h, "GET", "/v1/users"+query).Code, query)
		require.Equal(t, want, reader.usersQuery)
	}
	askAs(t, h, "GET", "/v1/users?q=a", "demo")
	require.Equal(t, "demo", reader.usersQuery.Bot, "a token for one bot")
	requireProblem(t, askAs(t, h, "GET", "/v1/users?bot=other", "demo"), 403, "other-bot")
	for _, query := range []string{"?q=%00", "?limit=201", "?cursor=%21", "?cursor=AA", "?user=a"} {
		requireProblem(t, ask(t, h, "GET", "/v1/users"+query), 400, "malformed")
	}
}
