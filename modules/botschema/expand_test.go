package botschema

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNameComesOutAsMeant(t *testing.T) {
	t.Setenv("BOTGATE_TEST_SCHEMA", "command")
	for name, want := range map[string]string{
		"{env.BOTGATE_TEST_UNSET}.json": "option schema: the placeholder {env.BOTGATE_TEST_UNSET} comes out empty",
		"{secrets.x}.json":              "option schema: the placeholder {secrets.x} is not known",
		"$SCHEMA":                       "option schema: the placeholder $SCHEMA",
		" ":                             "option schema: there is nothing but white space",
	} {
		require.ErrorContains(t, (&Handler{Schema: name}).expandName(), want, name)
	}
	for name, want := range map[string]string{
		"{env.BOTGATE_TEST_SCHEMA}.v1.json":             "command.v1.json",
		"{http.request.header.X-Type}/{payload.a}.json": "{http.request.header.X-Type}/{payload.a}.json",
		"all.json#/$defs/Order":                         "all.json#/$defs/Order",
		"openapi.yaml#/paths/~1a~1{id}":                 "openapi.yaml#/paths/~1a~1{id}",
	} {
		h := &Handler{Schema: name}
		require.NoError(t, h.expandName(), name)
		require.Equal(t, want, h.Schema)
	}
}
