package schema

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// values resolves placeholders from a map.
func values(m map[string]string) func(string) string {
	return func(placeholder string) string { return m[placeholder] }
}

func TestChoosesByPlaceholders(t *testing.T) {
	t.Parallel()
	fsys := files(map[string]string{
		"github/push.json": `{"required": ["ref"]}`, "github/ping.json": `{"required": ["zen"]}`,
		"github/deep/down.json": `false`, "github/notes.txt": `no schema`, "github/.old/push.json": `{`, "other.json": `{`,
	})
	set, err := CompileSet(fsys, pattern(t, "github/{http.request.header.X-GitHub-Event}.json"), Options{})
	require.NoError(t, err)
	require.Equal(t, 2, set.Len())
	const header = "http.request.header.X-GitHub-Event"
	require.Equal(t, `The property "zen" is missing.`, set.Find(values(map[string]string{header: "ping"})).Check(parseDocument(t, "{}"), 1)[0].Detail)
	require.Equal(t, `The property "ref" is missing.`, set.Find(values(map[string]string{header: "push"})).Check(parseDocument(t, "{}"), 1)[0].Detail)
	for _, name := range []string{"", "PUSH", "deep/down", "../other", "../github/push", "push.json#", "push\x00", "."} {
		require.Nil(t, set.Find(values(map[string]string{header: name})), name)
	}
}

func TestChoosesWithinADocument(t *testing.T) {
	t.Parallel()
	fsys := files(map[string]string{
		"openapi.yaml": `
openapi: 3.1.0
info: {title: Orders, version: "1"}
paths:
  /orders/{id}:
    put:
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}
    delete: {}
  /bills:
    post:
      requestBody: {content: {application/json: {schema: {$ref: "bill.json"}}}}
components:
  schemas:
    Order: {type: object, required: [id], properties: {id: {type: integer, minimum: 1}}}
    a/b~c: {type: [string, "null"]}
`,
		"bill.json": `{"type": "object", "required": ["total"]}`,
	})
	set, err := CompileSet(fsys, pattern(t, "openapi.yaml#/components/schemas/{payload.type}"), Options{})
	require.NoError(t, err)
	require.Equal(t, 2, set.Len())
	require.Len(t, set.Find(values(map[string]string{"payload.type": "Order"})).Check(parseDocument(t, `{"id": 0}`), 10), 1)
	require.Empty(t, set.Find(values(map[string]string{"payload.type": "a/b~c"})).Check(parseDocument(t, "null"), 10))
	require.Nil(t, set.Find(values(map[string]string{"payload.type": "Order/properties"})))

	set, err = CompileSet(fsys, pattern(t, "openapi.yaml#/paths/~1orders~1{id}/put/requestBody/content/application~1json/schema"), Options{})
	require.NoError(t, err, "braces without a dot are text")
	require.Len(t, set.Find(nil).Check(parseDocument(t, `{}`), 10), 1)

	set, err = CompileSet(fsys, pattern(t, "openapi.yaml#/paths/{http.request.orig_uri.path}/{vars.verb}/requestBody/content/application~1json/schema"), Options{})
	require.NoError(t, err)
	require.Equal(t, 2, set.Len(), "delete has no such member")
	require.Len(t, set.Find(values(map[string]string{"http.request.orig_uri.path": "/bills", "vars.verb": "post"})).Check(parseDocument(t, `{}`), 10), 1)
}

func TestSetErrors(t *testing.T) {
	t.Parallel()
	fsys := files(map[string]string{
		"a/bad.json":  `{"properties": {"x": {"type": "strin"}}}`,
		"a/good.json": `{"$defs": {"one": {}}, "x": "none"}`,
		"refs.json":   `{"properties": {"x": {"items": {"$ref": "a/none.json"}}}}`,
		"point.json":  `{"$defs": {"y": {"$ref": "a/good.json#/$defs/two"}}, "$ref": "#/$defs/y"}`,
		"old.json":    `{"openapi": "3.0.3", "components": {"schemas": {"A": {}}}}`,
		"older.yml":   `swagger: "2.0"`,
		"tabs.yaml":   "a:\n\t- b",
		"twice.yaml":  "a: 1\na: 2",
	})
	for name, want := range map[string]string{
		"b/{x.y}.json":                   "no file in the folder has a name that fits",
		"a/{x.y}.json":                   `schema "a/{x.y}.json": a/bad.json#/properties/x/type: keyword enum`,
		"a/none.json":                    "a/none.json",
		"a/good.json#/$defs/two":         "a/good.json#/$defs/two: there is nothing at this pointer",
		"a/good.json#/x":                 "a/good.json#/x: this is no schema",
		"a/good.json#/$defs/{x.y}/{z.z}": "no schema has a name that fits",
		"refs.json":                      "refs.json#/properties/x/items/$ref: failing loading",
		"point.json":                     "point.json#/$defs/y/$ref: ",
		"old.json#/components/schemas/A": "old.json: #/openapi: OpenAPI 3.1 is needed",
		"older.yml":                      "older.yml: #/swagger: OpenAPI 3.1 is needed",
		"tabs.yaml":                      "tabs.yaml: yaml: line 2",
		"twice.yaml":                     `twice.yaml: line 2: key "a" occurs twice`,
	} {
		_, err := CompileSet(fsys, pattern(t, name), Options{})
		require.ErrorContains(t, err, want, name)
		require.NotContains(t, err.Error(), "\n")
	}
	for _, name := range []string{"", "a.json#b", "a.json#/~2"} {
		_, err := ParsePattern(name)
		require.Error(t, err, name)
	}
}

func TestYAMLIsJSON(t *testing.T) {
	t.Parallel()
	const document = `
a: &shared {on: true, "yes": yes}
b: [*shared, 0x1F, 1_000, 1e3, 1.50, .5, -7, 2020-01-01, ~, "3", 010, '']
200: !!str 5
`
	got, err := decodeYAML([]byte(document))
	require.NoError(t, err)
	require.Equal(t, parseDocument(t, `{"a": {"on": true, "yes": "yes"},
		"b": [{"on": true, "yes": "yes"}, 31, 1000, 1e3, 1.50, 0.5, -7, "2020-01-01", null, "3", 8, ""], "200": "5"}`).Root().Decode(), got)
	for _, bad := range []string{"", "? [a]\n: b", "a: &x [*x]", "<<: {a: 1}", ".nan", "a: .inf", "a: [", "a: !!float x"} {
		_, err := decodeYAML([]byte(bad))
		require.Error(t, err, bad)
	}
}

func TestFilesToFollow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a.json", "b/c.yaml", "b/d.yml", "e.txt", ".f.json", ".g/h.json"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("{}"), 0o600))
	}
	require.Equal(t, []string{filepath.Join(dir, "a.json"), filepath.Join(dir, "b/c.yaml"), filepath.Join(dir, "b/d.yml")}, Files(dir))
	require.Empty(t, Files(filepath.Join(dir, "none")))
}

func TestFormatsOnRequest(t *testing.T) {
	t.Parallel()
	fsys := files(map[string]string{"s.json": `{"format": "uri-template"}`})
	for asserted, document := range map[bool]string{true: `"{"`, false: `"{+path}"`} {
		s, err := compileOne(fsys, "s.json", Options{Formats: true})
		require.NoError(t, err)
		require.Equal(t, asserted, len(s.Check(parseDocument(t, document), 1)) == 1)
	}
	s, err := compileOne(fsys, "s.json", Options{})
	require.NoError(t, err)
	require.Empty(t, s.Check(parseDocument(t, `"{"`), 1))
}
