package schemas_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/schemas"
)

// enough is how many samples of each kind a schema needs at least.
const enough = 3

func TestValidSamples(t *testing.T) {
	t.Parallel()
	for _, name := range names(t) {
		schema := compile(t, name)
		for _, file := range samples(t, "valid", name) {
			require.NoError(t, schema.Validate(decode(t, read(t, file))), file)
		}
	}
}

// TestInvalidSamples also makes sure that a sample fails for the one reason that it is
// there for. Its file is called after the keyword and the place, as in
// type.message.chat.json; what follows a hyphen tells samples of one reason apart.
func TestInvalidSamples(t *testing.T) {
	t.Parallel()
	for _, name := range names(t) {
		schema := compile(t, name)
		for _, file := range samples(t, "invalid", name) {
			want, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".json"), "-")
			require.Equal(t, want, violation(t, schema.Validate(decode(t, read(t, file)))), file)
		}
	}
}

// TestSamplesBelongToASchema notices samples that no schema would ever check.
func TestSamplesBelongToASchema(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"valid", "invalid"} {
		folders, err := os.ReadDir(filepath.Join("testdata", kind))
		require.NoError(t, err)
		for _, folder := range folders {
			require.Contains(t, names(t), folder.Name())
		}
	}
}

func TestSchemasDescribeEveryField(t *testing.T) {
	t.Parallel()
	for _, name := range names(t) {
		root := source(t, name)
		require.Equal(t, "https://json-schema.org/draft/2020-12/schema", root["$schema"], name)
		require.NotEmpty(t, root["title"], name)
		require.NotEmpty(t, root["description"], name)
		walk(name, root, func(at string, schema map[string]any) {
			for field, sub := range children(schema["properties"]) {
				require.NotEmpty(t, children(sub)["description"], "%s: %s", at, field)
			}
		})
	}
}

// names lists the schemas without their suffix.
func names(t *testing.T) []string {
	t.Helper()
	files, err := fs.Glob(schemas.FS, "*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for i, file := range files {
		files[i] = strings.TrimSuffix(file, ".json")
	}
	return files
}

func source(t *testing.T, name string) map[string]any {
	t.Helper()
	raw, err := schemas.FS.ReadFile(name + ".json")
	require.NoError(t, err)
	return children(decode(t, raw))
}

func compile(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("schema:///"+name, source(t, name)))
	schema, err := c.Compile("schema:///" + name)
	require.NoError(t, err)
	return schema
}

func samples(t *testing.T, kind, name string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", kind, name, "*.json"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), enough, "%s needs more %s samples", name, kind)
	return files
}

// violation names the only thing that is wrong: the keyword, and the place with the
// property that is missing or superfluous.
func violation(t *testing.T, err error) string {
	t.Helper()
	var found *jsonschema.ValidationError
	require.ErrorAs(t, err, &found)
	for len(found.Causes) > 0 {
		require.Len(t, found.Causes, 1, err)
		found = found.Causes[0]
	}
	var fields []string
	switch k := found.ErrorKind.(type) {
	case *kind.Required:
		fields = k.Missing
	case *kind.DependentRequired:
		fields = k.Missing
	case *kind.AdditionalProperties:
		fields = k.Properties
	}
	require.LessOrEqual(t, len(fields), 1, err)
	parts := append(found.ErrorKind.KeywordPath()[:1:1], found.InstanceLocation...)
	return strings.Join(append(parts, fields...), ".")
}

// walk calls see for a schema and those in it, except conditions, which describe nothing.
func walk(at string, schema any, see func(at string, schema map[string]any)) {
	object := children(schema)
	if object == nil {
		return
	}
	see(at, object)
	for _, keyword := range []string{"properties", "$defs"} {
		for name, sub := range children(object[keyword]) {
			walk(at+"/"+keyword+"/"+name, sub, see)
		}
	}
	for _, keyword := range []string{"items", "then", "else"} {
		walk(at+"/"+keyword, object[keyword], see)
	}
	for _, keyword := range []string{"allOf", "anyOf", "oneOf"} {
		list, _ := object[keyword].([]any)
		for _, sub := range list {
			walk(at+"/"+keyword, sub, see)
		}
	}
}

// children returns the members of an object, none for anything else.
func children(node any) map[string]any {
	object, _ := node.(map[string]any)
	return object
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	return raw
}

func decode(t *testing.T, raw []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	require.NoError(t, err)
	return v
}
