package schemas_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/schemas"
)

func TestSamples(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(schemas.FS, "*.json")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		schema := compile(t, name)
		folder := strings.TrimSuffix(name, ".json")
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			for _, file := range samples(t, "valid", folder) {
				require.NoError(t, schema.Validate(decode(t, read(t, file))), file)
			}
			for _, file := range samples(t, "invalid", folder) {
				require.Error(t, schema.Validate(decode(t, read(t, file))), file)
			}
		})
	}
}

// TestSamplesBelongToASchema notices samples that no schema would ever check.
func TestSamplesBelongToASchema(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"valid", "invalid"} {
		folders, err := os.ReadDir(filepath.Join("testdata", kind))
		require.NoError(t, err)
		for _, folder := range folders {
			_, err := fs.Stat(schemas.FS, folder.Name()+".json")
			require.NoError(t, err)
		}
	}
}

func TestSchemasDescribeEveryField(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(schemas.FS, "*.json")
	require.NoError(t, err)
	for _, name := range names {
		schema := compile(t, name)
		require.NotEmpty(t, schema.Title, name)
		require.NotEmpty(t, schema.Description, name)
		for field, sub := range schema.Properties {
			require.NotEmpty(t, sub.Description, "%s: %s", name, field)
		}
	}
}

func compile(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	raw, err := schemas.FS.ReadFile(name)
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("schema:///"+name, decode(t, raw)))
	schema, err := c.Compile("schema:///" + name)
	require.NoError(t, err)
	return schema
}

func samples(t *testing.T, kind, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", kind, folder, "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files, "%s needs %s samples", folder, kind)
	return files
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
