package botschema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/botgate/botgate/modules/internal/problem"
)

// MaxErrors is how many violations of one document are listed at most.
const MaxErrors = 10

// base is where the schemas live as far as $ref is concerned: nowhere on a network.
const base = "schemas:///"

// Schema is a compiled JSON Schema of draft 4, 6, 7, 2019-09 or 2020-12.
type Schema struct {
	compiled *jsonschema.Schema
}

// Compile compiles the schema in the named file of fsys. References reach the other
// files of fsys, by path or by their $id, and nothing else. The error says in one line
// in which file, and where in it, something is wrong.
//
// A "format" is asserted where the draft says so, which is up to draft 7 and where a
// later schema asks for it with the vocabulary format-assertion.
func Compile(fsys fs.FS, name string) (*Schema, error) {
	if !fs.ValidPath(name) {
		return nil, fmt.Errorf("schema %q: not a path inside the folder", name)
	}
	if _, err := fs.Stat(fsys, name); err != nil {
		return nil, fmt.Errorf("schema %q: %w", name, err)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(loader{fsys})
	c.RegisterFormat(&jsonschema.Format{Name: "uri-template", Validate: validateURITemplate})
	compiled, err := c.Compile(base + name)
	if err != nil {
		return nil, fmt.Errorf("schema %q: %w", name, oneLine(err))
	}
	return &Schema{compiled: compiled}, nil
}

// Check returns how the document violates the schema, at most [MaxErrors] violations in
// the order of their pointers, or nil when it does not. The document is decoded JSON
// with numbers as json.Number. No violation repeats a value of the document; the names
// of its properties do appear in pointers.
func (s *Schema) Check(document any) []problem.FieldError {
	if location, found := unusable(document); found {
		slices.Reverse(location)
		return []problem.FieldError{{Pointer: pointer(location), Keyword: "type", Detail: numberDetail}}
	}
	var violation *jsonschema.ValidationError
	if err := s.compiled.Validate(document); errors.As(err, &violation) {
		return violations(violation)
	}
	return nil
}

// loader finds schemas in one file system.
type loader struct{ fsys fs.FS }

// Load implements [jsonschema.URLLoader].
func (l loader) Load(url string) (any, error) {
	if name, ok := strings.CutPrefix(url, base); ok {
		return l.read(name)
	}
	return l.find(url)
}

func (l loader) read(name string) (any, error) {
	raw, err := fs.ReadFile(l.fsys, name)
	if err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		line := 1 + bytes.Count(raw[:min(int(syntax.Offset), len(raw))], []byte("\n"))
		return nil, fmt.Errorf("line %d is not valid JSON: %w", line, err)
	}
	return doc, err
}

// find looks for the schema whose $id is the URL, as schemas written for publication
// refer to each other.
func (l loader) find(url string) (any, error) {
	var found any
	err := fs.WalkDir(l.fsys, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".json") {
			return err
		}
		// A file that is no schema is none of the caller's business unless it is referred to.
		doc, _ := l.read(path)
		if object, ok := doc.(map[string]any); ok && object["$id"] == url {
			found = doc
			return fs.SkipAll
		}
		return nil
	})
	if err == nil && found == nil {
		err = errors.New("no schema in the folder has this $id, and none is fetched from elsewhere")
	}
	return found, err
}

// oneLine makes the compiler's error fit for the operator: without the made-up URL, and
// for a schema that is no schema the first violation instead of a tree of them.
func oneLine(err error) error {
	var invalid *jsonschema.SchemaValidationError
	var violation *jsonschema.ValidationError
	if errors.As(err, &invalid) && errors.As(invalid.Err, &violation) {
		file, _, _ := strings.Cut(strings.TrimPrefix(invalid.URL, base), "#")
		first := violations(violation)[0]
		return fmt.Errorf("%s#%s: keyword %s: %s", file, first.Pointer, first.Keyword, first.Detail)
	}
	text := strings.ReplaceAll(err.Error(), base, "")
	return errors.New(strings.Join(strings.Fields(text), " "))
}
