package console

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// stricter are calls for which pages ask for another scope than the API's own routes.
var stricter = map[string]string{
	"DELETE /v1/dead": scopeAdmin, "DELETE /v1/dead/{id}": scopeAdmin, "DELETE /v1/users/{user}/data": scopeAdmin,
	"GET /v1/audit": scopeAdmin, "GET /v1/system": scopeAdmin,
	// Who sends commands may take them back, and signs in nowhere.
	"DELETE /v1/events/{id}": scopeAct,
	// Bots write sessions with a scope of their own; who may export a user may see them.
	"GET /v1/sessions/{bot}/{user}": scopeAct,
}

// TestAccessIsAsTheAPIsDocumentSays: each call that pages make is an operation of it, with its scope.
func TestAccessIsAsTheAPIsDocumentSays(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../api/openapi.yaml")
	require.NoError(t, err)
	type security []map[string][]string
	var document struct {
		Security security
		Paths    map[string]map[string]yaml.Node
	}
	require.NoError(t, yaml.Unmarshal(content, &document))
	for call, scope := range access {
		method, path, _ := strings.Cut(call, " ")
		node, ok := document.Paths[path][strings.ToLower(method)]
		require.True(t, ok, "%s is not in the document", call)
		var operation struct{ Security security }
		require.NoError(t, node.Decode(&operation))
		if operation.Security == nil {
			operation.Security = document.Security
		}
		if want, ok := stricter[call]; ok {
			require.Equal(t, want, scope, call)
			continue
		}
		require.True(t, slices.ContainsFunc(operation.Security, func(one map[string][]string) bool {
			return slices.Equal(one["token"], []string{scope})
		}), "%s needs %v, and pages ask for %s", call, operation.Security, scope)
	}
}
