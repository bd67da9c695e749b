// Package schema compiles the JSON Schemas of a folder, chooses among them by name, and
// says in sentences what is wrong with a document. It reaches nothing outside the folder.
package schema

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"regexp"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/modules/internal/jsondoc"
	"github.com/botgate/botgate/modules/internal/jsonpointer"
	"github.com/botgate/botgate/modules/internal/schemacheck"
)

// DefaultMaxErrors is how many violations of one document are listed where nothing else
// is configured.
const DefaultMaxErrors = 10

// base is where the schemas live as far as $ref is concerned: nowhere on a network.
const base = "schemas:///"

// Options say how schemas are compiled.
type Options struct {
	// Formats makes "format" an assertion in every draft. Otherwise it is one where the
	// draft says so: up to draft 7, and where a later metaschema asks for it with the
	// vocabulary format-assertion.
	Formats bool
}

// Schema is a compiled JSON Schema of draft 4, 6, 7, 2019-09 or 2020-12. It may be used
// concurrently.
type Schema struct {
	compiled *jsonschema.Schema
	checker  *schemacheck.Checker
}

// compiler compiles schemas that share the files which they refer to.
type compiler struct {
	folder  *folder
	library *jsonschema.Compiler
}

func newCompiler(fsys fs.FS, options Options) *compiler {
	c := &compiler{folder: newFolder(fsys), library: jsonschema.NewCompiler()}
	c.library.UseLoader(c.folder)
	c.library.RegisterFormat(&jsonschema.Format{Name: "uri-template", Validate: validateURITemplate})
	if options.Formats {
		c.library.AssertFormat()
	}
	return c
}

func (c *compiler) compile(file string, location []string) (*Schema, error) {
	doc, err := c.folder.read(file)
	if err != nil {
		return nil, err
	}
	part, ok := lookup(doc, location)
	if !ok {
		return nil, fmt.Errorf("%s#%s: there is nothing at this pointer", file, pointerTo(location))
	}
	switch part := part.(type) {
	case bool:
	case map[string]any:
		// As a schema, a whole OpenAPI document would let everything pass.
		if _, openAPI := part["openapi"].(string); openAPI && len(location) == 0 {
			return nil, fmt.Errorf("%s: this is an OpenAPI document: select one of its schemas, such as %s#/components/schemas/Order", file, file)
		}
	default:
		return nil, fmt.Errorf("%s#%s: this is no schema: it is neither an object nor true or false", file, pointerTo(location))
	}
	address := url.URL{Scheme: "schemas", Path: "/" + file, Fragment: pointerTo(location)}
	compiled, err := c.library.Compile(address.String())
	if err != nil {
		return nil, c.explain(err)
	}
	return &Schema{compiled: compiled, checker: schemacheck.New(compiled)}, nil
}

// pointerTo writes the whole pointer, however long.
func pointerTo(location []string) string {
	var b strings.Builder
	for _, token := range location {
		b.WriteString("/" + jsonpointer.Escape(token))
	}
	return b.String()
}

// Check returns how the document violates the schema, at most limit violations in the
// order of their pointers, or nil when it does not. No violation repeats a value of the
// document; the names of its members do appear in pointers.
func (s *Schema) Check(document *jsondoc.Document, limit int) []problem.FieldError {
	if s.checker.Valid(document) {
		return nil
	}
	// Only the library knows what is wrong, and it has the last word on whether anything is.
	var violation *jsonschema.ValidationError
	if err := s.compiled.Validate(document.Root().Decode()); errors.As(err, &violation) {
		return violations(violation, limit)
	}
	return nil
}

// uriTemplate is the grammar of RFC 6570, section 2. The library's own check refuses
// templates with operators, such as {/owner} in nearly every payload from GitHub.
var uriTemplate = func() *regexp.Regexp {
	const (
		literal = "[^\\x00-\\x20\"%<>\\\\^`{|}\\x7f]|%[0-9A-Fa-f]{2}"
		char    = "(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2})"
		name    = char + `(?:\.?` + char + `)*`
		spec    = name + `(?:\*|:[1-9][0-9]{0,3})?`
	)
	return regexp.MustCompile(`^(?:` + literal + `|\{[+#./;?&=,!@|]?` + spec + `(?:,` + spec + `)*\})*$`)
}()

var errURITemplate = errors.New("not a URI template")

func validateURITemplate(v any) error {
	if s, ok := v.(string); ok && !uriTemplate.MatchString(s) {
		return errURITemplate
	}
	return nil
}
