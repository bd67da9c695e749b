package schema

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	_ "github.com/google/jsonschema-go/jsonschema"
	_ "github.com/qri-io/jsonschema"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/internal/jsondoc"
)

// The JSON-Schema-Test-Suite is not copied here: these modules, which nothing but this
// test links, bring it along in their testdata, for all the drafts between them.
const (
	recentSuite = "github.com/google/jsonschema-go/jsonschema"
	olderSuite  = "github.com/qri-io/jsonschema"
)

// suites says where the tests of each draft are, and how many there are at least.
var suites = []struct {
	draft, schema, module string
	atLeast               int
}{
	{"draft4", "http://json-schema.org/draft-04/schema#", olderSuite, 500},
	{"draft6", "http://json-schema.org/draft-06/schema#", olderSuite, 690},
	{"draft7", "http://json-schema.org/draft-07/schema#", recentSuite, 800},
	{"draft7", "http://json-schema.org/draft-07/schema#", olderSuite, 690},
	{"draft2019-09", "https://json-schema.org/draft/2019-09/schema", olderSuite, 690},
	{"draft2020-12", "https://json-schema.org/draft/2020-12/schema", recentSuite, 1000},
}

// skipped are the optional tests of what isn't there, by file.
var skipped = map[string]string{
	"optional/ecmascript-regex.json":     "patterns are Go's regular expressions",
	"optional/content.json":              "contentMediaType and contentEncoding are annotations",
	"optional/zeroTerminatedFloats.json": "1.0 is an integer in all drafts",
	"optional/format/idn-email.json":     "the library does not know the format",
	"optional/format/idn-hostname.json":  "the library does not know the format",
}

// group is one schema with its tests, as the suite's files hold them.
type group struct {
	Description string
	Schema      json.RawMessage
	Tests       []struct {
		Description string
		Data        json.RawMessage
		Valid       bool
	}
}

func TestSuite(t *testing.T) {
	t.Parallel()
	for _, s := range suites {
		t.Run(s.draft+" of "+path.Dir(s.module), func(t *testing.T) {
			t.Parallel()
			dir := testdata(t, s.module)
			remotes, ids := remoteSchemas(t, filepath.Join(dir, "remotes"), s.schema)
			count := 0
			err := filepath.WalkDir(filepath.Join(dir, s.draft), func(file string, _ fs.DirEntry, err error) error {
				if err != nil || filepath.Ext(file) != ".json" {
					return err
				}
				name, err := filepath.Rel(filepath.Join(dir, s.draft), file)
				require.NoError(t, err)
				name = filepath.ToSlash(name)
				if skipped[name] != "" {
					return nil
				}
				for _, g := range groups(t, file) {
					count += runGroup(t, name, g, s.schema, remotes, ids)
				}
				return nil
			})
			require.NoError(t, err)
			t.Logf("%d tests", count)
			require.GreaterOrEqual(t, count, s.atLeast)
		})
	}
}

func groups(t *testing.T, file string) (all []group) {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &all))
	return all
}

// testdata asks the go command where the package is.
func testdata(t *testing.T, module string) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}", module).Output()
	require.NoError(t, err)
	return filepath.Join(strings.TrimSpace(string(out)), "testdata")
}

// remoteSchemas returns the schemas that the suite expects at an address, as files, and
// which address is whose.
func remoteSchemas(t *testing.T, dir, draft string) (fstest.MapFS, map[string]string) {
	t.Helper()
	files, ids := fstest.MapFS{}, map[string]string{}
	require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := os.ReadFile(filepath.Join(dir, name))
		files["remotes/"+name] = &fstest.MapFile{Data: ofDraft(t, raw, draft)}
		ids["http://localhost:1234/"+name] = "remotes/" + name
		return err
	}))
	return files, ids
}

// ofDraft gives a schema that does not say so the draft of the test.
func ofDraft(t *testing.T, raw []byte, draft string) []byte {
	t.Helper()
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil || object["$schema"] != nil {
		return raw
	}
	object["$schema"] = json.RawMessage(`"` + draft + `"`)
	out, err := json.Marshal(object)
	require.NoError(t, err)
	return out
}

func runGroup(t *testing.T, file string, g group, draft string, remotes fstest.MapFS, ids map[string]string) (count int) {
	t.Helper()
	fsys := fstest.MapFS{"s.json": &fstest.MapFile{Data: ofDraft(t, g.Schema, draft)}}
	maps.Copy(fsys, remotes)
	c := newCompiler(fsys, Options{Formats: strings.Contains(file, "format/")})
	c.folder.ids = ids
	compiled, err := c.compile("s.json", nil)
	if err != nil {
		t.Errorf("%s: %s: %v", file, g.Description, err)
		return 0
	}
	for _, test := range g.Tests {
		document, err := jsondoc.Parse(test.Data, jsondoc.Limits{MaxNumber: 1000})
		if err != nil {
			t.Errorf("%s: %s: %s: %v", file, g.Description, test.Description, err)
			continue
		}
		count++
		if valid := compiled.Check(document, 10) == nil; valid != test.Valid {
			t.Errorf("%s: %s: %s: valid is %t", file, g.Description, test.Description, valid)
		}
		if valid := compiled.checker.Valid(document); valid != test.Valid {
			t.Errorf("%s: %s: %s: to the checker valid is %t", file, g.Description, test.Description, valid)
		}
	}
	return count
}
