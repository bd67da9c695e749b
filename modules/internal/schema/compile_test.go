package schema

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/schemas"
)

func files(files map[string]string) fs.FS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func TestCompilesEveryDraft(t *testing.T) {
	t.Parallel()
	for _, draft := range []string{
		"http://json-schema.org/draft-04/schema#", "http://json-schema.org/draft-06/schema#",
		"http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2019-09/schema",
		"https://json-schema.org/draft/2020-12/schema",
	} {
		s, err := compileOne(files(map[string]string{
			"s.json": `{"$schema": "` + draft + `", "type": "object", "required": ["a"]}`,
		}), "s.json", Options{})
		require.NoError(t, err, draft)
		require.Empty(t, s.Check(parseDocument(t, `{"a": 1}`), 10), draft)
		require.Len(t, s.Check(parseDocument(t, `{}`), 10), 1, draft)
	}
}

func TestCompilesEveryEmbeddedSchema(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(schemas.FS, "*.json")
	require.NoError(t, err)
	for _, name := range names {
		_, err := compileOne(schemas.FS, name, Options{})
		require.NoError(t, err)
	}
}

func TestReferencesWithinTheFolder(t *testing.T) {
	t.Parallel()
	for name, root := range map[string]string{
		"path":        `{"$ref": "parts/user.json"}`,
		"pointer":     `{"$ref": "parts/user.json#/properties/name"}`,
		"own id":      `{"$id": "https://example.com/root.json", "$ref": "user.json"}`,
		"absolute id": `{"$ref": "https://example.com/user.json"}`,
	} {
		s, err := compileOne(files(map[string]string{
			"root.json":       root,
			"parts/user.json": `{"$id": "https://example.com/user.json", "properties": {"name": {"type": "string"}}, "not": {"const": 1}}`,
			"parts/other.txt": `not a schema`,
			"broken.json":     `{`,
		}), "root.json", Options{})
		require.NoError(t, err, name)
		require.NotNil(t, s, name)
	}
}

func TestCompileErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ schema, want string }{
		"not JSON":        {"{\n\"type\": }", `"s.json": s.json: line 2 is not valid JSON`},
		"empty":           {"", `"s.json": s.json: this is not valid JSON`},
		"breaks off":      {`{"type": `, `"s.json": s.json: this is not valid JSON`},
		"OpenAPI":         {`{"openapi": "3.1.0", "components": {}}`, "select one of its schemas, such as s.json#/components/schemas/Order"},
		"unknown type":    {`{"properties": {"a/b": {"type": "strin"}}}`, "s.json#/properties/a~1b/type: keyword enum: This must be one of"},
		"bound":           {`{"minLength": "x"}`, "s.json#/minLength: keyword type: This must be of type integer, not string."},
		"pattern":         {`{"pattern": "("}`, "s.json#/pattern: keyword format: This is not a valid regex."},
		"missing file":    {`{"$ref": "missing.json"}`, `failing loading "missing.json"`},
		"missing pointer": {`{"$ref": "#/$defs/none"}`, `"s.json#/$defs/none" not found`},
		"network":         {`{"$ref": "https://example.com/schema.json"}`, "none is fetched from elsewhere"},
		"host file":       {`{"$ref": "file:///etc/hostname"}`, "none is fetched from elsewhere"},
		"outside":         {`{"$ref": "schemas:///../secret.json"}`, `failing loading "secret.json"`},
	} {
		_, err := compileOne(files(map[string]string{"s.json": tc.schema}), "s.json", Options{})
		require.ErrorContains(t, err, tc.want, name)
		require.NotContains(t, err.Error(), "\n", name)
		require.NotContains(t, err.Error(), base, name)
		require.Contains(t, err.Error(), "s.json", name)
	}
}

func TestCompileNames(t *testing.T) {
	t.Parallel()
	_, err := compileOne(schemas.FS, "absent.json", Options{})
	require.ErrorIs(t, err, fs.ErrNotExist)
	for _, name := range []string{"../x.json", "/etc/hostname", "a//b.json"} {
		_, err := compileOne(schemas.FS, name, Options{})
		require.ErrorContains(t, err, "not a path inside the folder", name)
	}
}

// TestFolderIsAWall makes sure that a link in the folder does not lead out of it.
func TestFolderIsAWall(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "outside.json")
	require.NoError(t, os.WriteFile(outside, []byte(`{}`), 0o600))
	dir := t.TempDir()
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "link.json")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "root.json"), []byte(`{"$ref": "link.json"}`), 0o600))
	for _, name := range []string{"link.json", "root.json"} {
		_, err := CompileFolder(dir, pattern(t, name), Options{})
		require.ErrorContains(t, err, "path escapes", name)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "fine.json"), []byte(`{}`), 0o600))
	require.NoError(t, os.Symlink("fine.json", filepath.Join(dir, "inside.json")))
	_, err := CompileFolder(dir, pattern(t, "inside.json"), Options{})
	require.NoError(t, err)
}

func pattern(t testing.TB, name string) Pattern {
	t.Helper()
	p, err := ParsePattern(name)
	require.NoError(t, err)
	return p
}

func TestURITemplates(t *testing.T) {
	t.Parallel()
	for _, valid := range []string{
		"", "https://api.github.com/repos/o/r", "https://api.github.com/users/o/gists{/gist_id}",
		"/search{?q,page*,per_page:3}{&lang}", "{+path}{#frag}{.ext}{;v}", "{a.b_c%20d}", "/caf%C3%A9/é", "{var:9999}",
	} {
		require.NoError(t, validateURITemplate(valid), valid)
	}
	for _, invalid := range []string{"{", "}", "{}", "{a", "a}", "{a{b}}", "{ a}", "a b", "%zz", "{a:0}", "{a:10000}", "{a,}", "{.}", "<a>"} {
		require.Error(t, validateURITemplate(invalid), invalid)
	}
	require.NoError(t, validateURITemplate(1), "only strings have a format")
}

func TestFormatsFollowTheDraft(t *testing.T) {
	t.Parallel()
	for draft, asserted := range map[string]bool{
		"http://json-schema.org/draft-07/schema#":      true,
		"https://json-schema.org/draft/2020-12/schema": false,
	} {
		s, err := compileOne(files(map[string]string{"s.json": `{"$schema": "` + draft + `", "format": "date-time"}`}), "s.json", Options{})
		require.NoError(t, err)
		require.Equal(t, asserted, len(s.Check(parseDocument(t, `"yesterday"`), 10)) > 0, draft)
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(`{"type": "object", "properties": {"a": {"$ref": "#"}}}`)
	f.Add(`{"$id": "x", "$ref": "s.json#/a~1"}`)
	f.Add(`{"anyOf": [{"type": 1}, {"$dynamicRef": "#a"}]}`)
	f.Fuzz(func(t *testing.T, schema string) {
		s, err := compileOne(files(map[string]string{"s.json": schema}), "s.json", Options{})
		if err != nil {
			require.False(t, strings.ContainsAny(err.Error(), "\r\n"), err.Error())
			return
		}
		s.Check(parseDocument(t, `{"a": [1, "b", null, {"c": true}]}`), 10)
	})
}

// compileOne compiles the one schema that the name stands for.
func compileOne(fsys fs.FS, name string, options Options) (*Schema, error) {
	p, err := ParsePattern(name)
	if err != nil {
		return nil, err
	}
	set, err := CompileSet(fsys, p, options)
	if err != nil {
		return nil, err
	}
	return set.only, nil
}
