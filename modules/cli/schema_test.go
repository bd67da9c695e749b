package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// schemaFolder makes a folder with schemas and samples, and goes there.
func schemaFolder(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"schemas/good.json":        `{"required": ["a"], "properties": {"a": {"type": "integer"}, "at": {"format": "date"}}}`,
		"schemas/bad.json":         `{"properties": {"a": {"type": "strin"}}}`,
		"schemas/order/new.json":   `{"$ref": "../good.json"}`,
		"schemas/api.yaml":         "openapi: 3.1.0\ncomponents: {schemas: {A: {type: string}}}",
		"samples/valid.json":       `{"a": 1}`,
		"samples/invalid.json":     `{"a": "SECRET"}`,
		"samples/date.json":        `{"a": 1, "at": "SECRET"}`,
		"samples/twice.json":       `{"a": 1, "a": 2}`,
		"samples/not-there.json":   ``,
		"schemas/events/ping.json": `{}`,
		"schemas/events/push.json": `{}`,
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
	require.NoError(t, os.Remove("samples/not-there.json"))
}

func TestSchemaCheck(t *testing.T) {
	schemaFolder(t)
	for _, c := range []struct {
		args []string
		want string
		ok   bool
	}{
		{[]string{"schemas/good.json"}, "schemas/good.json: ok\n", true},
		{[]string{"schemas/api.yaml#/components/schemas/A"}, "schemas/api.yaml#/components/schemas/A: ok\n", true},
		{[]string{"schemas/events/{x.y}.json"}, "schemas/events/{x.y}.json: ok\n", true},
		{[]string{"--folder", "schemas", "schemas/order/new.json", "order/new.json"}, "schemas/order/new.json: ok\norder/new.json: ok\n", true},
		{[]string{"schemas/order/new.json"}, `schemas/order/new.json: folder "schemas/order": schema "new.json": new.json#/$ref: failing loading "good.json"`, false},
		{[]string{"schemas/bad.json", "schemas/good.json"}, "bad.json#/properties/a/type: keyword enum: This must be one of", false},
		{[]string{"schemas/none.json"}, "no such file or directory", false},
		{[]string{"schemas/api.yaml#/components/schemas/B"}, "api.yaml#/components/schemas/B: there is nothing at this pointer", false},
		{[]string{"--sample", "samples/valid.json", "schemas/good.json"}, "schemas/good.json: ok\nsamples/valid.json: ok\n", true},
		{[]string{"--sample", "samples/valid.json", "--sample", "samples/invalid.json", "schemas/good.json"}, "samples/valid.json: ok\nsamples/invalid.json: #/a: type: This must be of type integer, not string.\n", false},
		{[]string{"--sample", "samples/date.json", "schemas/good.json"}, "samples/date.json: ok\n", true},
		{[]string{"--formats", "--sample", "samples/date.json", "schemas/good.json"}, "samples/date.json: #/at: format: This is not a valid date.\n", false},
		{[]string{"--sample", "samples/twice.json", "schemas/good.json"}, "samples/twice.json: /a: The body is not valid JSON: a member occurs twice", false},
		{[]string{"--sample", "samples/not-there.json", "schemas/good.json"}, "samples/not-there.json: open", false},
		{[]string{"--sample", "samples/valid.json", "schemas/events/{x.y}.json"}, "name one schema", false},
	} {
		cmd := schemaCheckCommand()
		var out bytes.Buffer
		cmd.SetOut(&out)
		cmd.SetErr(&out)
		cmd.SetArgs(c.args)
		err := cmd.Execute()
		require.Equal(t, c.ok, err == nil, "%v: %s", c.args, out.String())
		require.Contains(t, out.String(), c.want, "%v", c.args)
		require.NotContains(t, out.String(), "SECRET")
	}
}
