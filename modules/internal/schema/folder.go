package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// folder reads the schemas of one file system, each once.
type folder struct {
	fsys fs.FS
	docs map[string]any
	// ids holds which file has which $id; nil as long as nobody asked.
	ids map[string]string
}

func newFolder(fsys fs.FS) *folder { return &folder{fsys: fsys, docs: map[string]any{}} }

// Load implements [jsonschema.URLLoader].
func (f *folder) Load(address string) (any, error) {
	if strings.HasPrefix(address, base) {
		return f.read(fileOf(address))
	}
	return f.find(address)
}

func (f *folder) read(name string) (any, error) {
	if doc, ok := f.docs[name]; ok {
		return doc, nil
	}
	if !fs.ValidPath(name) || name == "." {
		return nil, fmt.Errorf("%q is not a path inside the folder", name)
	}
	raw, err := fs.ReadFile(f.fsys, name)
	if err != nil {
		return nil, err
	}
	doc, err := decode(name, raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := refuseOldOpenAPI(doc); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	f.docs[name] = doc
	return doc, nil
}

func decode(name string, raw []byte) (any, error) {
	if isYAML(name) {
		return decodeYAML(raw)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		line := 1 + bytes.Count(raw[:min(int(syntax.Offset), len(raw))], []byte("\n"))
		return nil, fmt.Errorf("line %d is not valid JSON: %w", line, err)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errors.New("this is not valid JSON: it is empty or breaks off")
	}
	return doc, err
}

// refuseOldOpenAPI refuses OpenAPI documents whose schemas are not JSON Schemas.
func refuseOldOpenAPI(doc any) error {
	object, _ := doc.(map[string]any)
	if _, ok := object["swagger"].(string); ok {
		return errors.New("#/swagger: OpenAPI 3.1 is needed: the schemas of older versions are no JSON Schemas")
	}
	if version, ok := object["openapi"].(string); ok && strings.HasPrefix(version, "3.0") {
		return errors.New("#/openapi: OpenAPI 3.1 is needed: the schemas of older versions are no JSON Schemas")
	}
	return nil
}

// find looks for the schema whose $id is the address, as schemas written for publication
// refer to each other.
func (f *folder) find(address string) (any, error) {
	if f.ids == nil {
		f.ids = map[string]string{}
		for _, name := range list(f.fsys) {
			// A file that is no schema is none of the caller's business unless it is referred to.
			doc, _ := f.read(name)
			object, _ := doc.(map[string]any)
			for _, keyword := range []string{"$id", "id"} {
				if id, ok := object[keyword].(string); ok {
					f.ids[strings.TrimSuffix(id, "#")] = name
				}
			}
		}
	}
	if name, ok := f.ids[address]; ok {
		return f.read(name)
	}
	return nil, errors.New("no schema in the folder has this $id, and none is fetched from elsewhere")
}

// list returns the schema files in the file system, sorted. Names that begin with a dot
// are left out: orchestrators keep older versions under such names.
func list(fsys fs.FS) []string {
	var names []string
	// What can't be read is not there; a schema that needs it says so.
	_ = fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		hidden := name != "." && strings.HasPrefix(path.Base(name), ".")
		switch {
		case err != nil || hidden:
			if entry != nil && entry.IsDir() {
				return fs.SkipDir
			}
		case isSchema(name):
			if info, err := fs.Stat(fsys, name); err == nil && info.Mode().IsRegular() {
				names = append(names, name)
			}
		}
		return nil
	})
	return names
}

// Files returns the paths of the schema files in a folder, for following their changes.
func Files(dir string) []string {
	names := list(os.DirFS(dir))
	for i, name := range names {
		names[i] = filepath.Join(dir, filepath.FromSlash(name))
	}
	return names
}

func isSchema(name string) bool { return path.Ext(name) == ".json" || isYAML(name) }

func isYAML(name string) bool { return path.Ext(name) == ".yaml" || path.Ext(name) == ".yml" }

// lookup returns what is at the location in a document.
func lookup(doc any, location []string) (any, bool) {
	for _, token := range location {
		inner, ok := members(doc)[token]
		if !ok {
			return nil, false
		}
		doc = inner
	}
	return doc, true
}

// members returns what is in an object, or in an array by position.
func members(v any) map[string]any {
	switch v := v.(type) {
	case map[string]any:
		return v
	case []any:
		items := make(map[string]any, len(v))
		for i, item := range v {
			items[fmt.Sprint(i)] = item
		}
		return items
	}
	return nil
}
