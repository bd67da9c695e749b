package schemas_test

import (
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// TestEveryRuleHasASample takes what is required and what has a pattern out of the
// schemas, one by one: without it, one of the invalid samples must pass.
func TestEveryRuleHasASample(t *testing.T) {
	t.Parallel()
	for _, name := range names(t) {
		var invalid []any
		for _, file := range samples(t, "invalid", name) {
			invalid = append(invalid, decode(t, read(t, file)))
		}
		root := source(t, name)
		walk(name, root, func(at string, schema map[string]any) {
			for keyword, rule := range rules(schema) {
				for _, looser := range loosen(rule) {
					schema[keyword] = looser
					require.True(t, passes(t, root, invalid), "%s: no sample tells %s %v from %v", at, keyword, rule, looser)
				}
				schema[keyword] = rule
			}
		})
	}
}

// rules returns the keywords of the schema that are to be tried.
func rules(schema map[string]any) map[string]any {
	found := map[string]any{}
	for _, keyword := range []string{"required", "pattern"} {
		if rule, ok := schema[keyword]; ok {
			found[keyword] = rule
		}
	}
	return found
}

// loosen returns a list without each of its items in turn, and a pattern for anything.
func loosen(rule any) []any {
	list, ok := rule.([]any)
	if !ok {
		return []any{""}
	}
	looser := make([]any, len(list))
	for i := range list {
		looser[i] = slices.Delete(slices.Clone(list), i, i+1)
	}
	return looser
}

func passes(t *testing.T, root map[string]any, documents []any) bool {
	t.Helper()
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("schema:///loose", root))
	schema, err := c.Compile("schema:///loose")
	require.NoError(t, err)
	return slices.ContainsFunc(documents, func(document any) bool { return schema.Validate(document) == nil })
}
