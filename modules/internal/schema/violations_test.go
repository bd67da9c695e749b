package schema

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/modules/internal/jsondoc"
	"github.com/botgate/botgate/schemas"
)

func parseDocument(t testing.TB, text string) *jsondoc.Document {
	t.Helper()
	v, err := jsondoc.Parse([]byte(text), jsondoc.Limits{MaxMembers: 10_000, MaxDepth: 1000})
	require.NoError(t, err)
	return v
}

func compileText(t testing.TB, schema string) *Schema {
	t.Helper()
	s, err := compileOne(files(map[string]string{"s.json": schema}), "s.json", Options{})
	require.NoError(t, err)
	return s
}

func TestCommandViolations(t *testing.T) {
	t.Parallel()
	s, err := compileOne(schemas.FS, "command.v1.json", Options{})
	require.NoError(t, err)
	require.Nil(t, s.Check(parseDocument(t, `{"command": "hello"}`), DefaultMaxErrors))
	require.Equal(t, []problem.FieldError{
		{Pointer: "", Keyword: "required", Detail: `The property "command" is missing.`},
		{Pointer: "/args", Keyword: "type", Detail: "This must be of type array or object, not string."},
		{Pointer: "/a~1b", Keyword: "additionalProperties", Detail: "This property is not known here."},
		{Pointer: "/locale", Keyword: "pattern", Detail: "This must match the pattern ^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$."},
	}, s.Check(parseDocument(t, `{"a/b": 1, "args": "x", "locale": "?"}`), DefaultMaxErrors))
}

// sentences holds, for every keyword, a schema, a document that violates it, and what
// the sender is told. Where a value could be repeated it is SECRET, or 424242.
var sentences = []struct{ schema, document, pointer, keyword, detail string }{
	{`{"type": "integer"}`, `"SECRET"`, "", "type", "This must be of type integer, not string."},
	{`{"enum": ["a", 1, null]}`, `"SECRET"`, "", "enum", `This must be one of "a", 1, null.`},
	{`{"const": "<a&b>"}`, `"SECRET"`, "", "const", `This must be "<a&b>".`},
	{`{"const": {"a": 1}}`, `"SECRET"`, "", "const", `This must be {"a":1}.`},
	{`{"pattern": "^a$"}`, `"SECRET"`, "", "pattern", "This must match the pattern ^a$."},
	{`{"$schema": "http://json-schema.org/draft-07/schema#", "format": "ipv4"}`, `"SECRET"`, "", "format", "This is not a valid ipv4."},
	{`{"minLength": 9}`, `"SECRET"`, "", "minLength", "This must have at least 9 characters."},
	{`{"maxLength": 1}`, `"SECRET"`, "", "maxLength", "This must have at most 1 character."},
	{`{"minimum": 424243}`, `424242`, "", "minimum", "This must be at least 424243."},
	{`{"maximum": 0.5}`, `424242`, "", "maximum", "This must be at most 0.5."},
	{`{"maximum": 1000000}`, `4242421`, "", "maximum", "This must be at most 1000000."},
	{`{"minimum": 9007199254740993}`, `424242`, "", "minimum", "This must be at least 9007199254740993."},
	{`{"minimum": 1e300}`, `424242`, "", "minimum", "This must be at least 1e+300."},
	{`{"multipleOf": 0.001}`, `0.4242421`, "", "multipleOf", "This must be a multiple of 0.001."},
	{`{"exclusiveMinimum": 424243}`, `424242`, "", "exclusiveMinimum", "This must be more than 424243."},
	{`{"exclusiveMaximum": 1}`, `424242`, "", "exclusiveMaximum", "This must be less than 1."},
	{`{"multipleOf": 5}`, `424242`, "", "multipleOf", "This must be a multiple of 5."},
	{`{"required": ["a"]}`, `{"b": "SECRET"}`, "", "required", `The property "a" is missing.`},
	{`{"additionalProperties": false}`, `{"b": "SECRET"}`, "/b", "additionalProperties", "This property is not known here."},
	{`{"unevaluatedProperties": false}`, `{"b": "SECRET"}`, "/b", "unevaluatedProperties", "This is not allowed here."},
	{`{"properties": {"b": false}}`, `{"b": "SECRET"}`, "/b", "false", "This is not allowed here."},
	{`{"propertyNames": {"maxLength": 1}}`, `{"SECRET": 1}`, "", "propertyNames", "The name of a property is not allowed."},
	{`{"minProperties": 2}`, `{"b": "SECRET"}`, "", "minProperties", "This must have at least 2 properties."},
	{`{"maxProperties": 0}`, `{"b": "SECRET"}`, "", "maxProperties", "This must have at most 0 properties."},
	{`{"dependentRequired": {"b": ["a", "c"]}}`, `{"b": "SECRET"}`, "", "dependentRequired", `With "b" there must also be "a", "c".`},
	{`{"$schema": "http://json-schema.org/draft-07/schema#", "dependencies": {"b": ["a"]}}`, `{"b": "SECRET"}`, "", "dependency", `With "b" there must also be "a".`},
	{`{"minItems": 2}`, `["SECRET"]`, "", "minItems", "This must have at least 2 items."},
	{`{"maxItems": 1}`, `["SECRET", 1]`, "", "maxItems", "This must have at most 1 item."},
	{`{"uniqueItems": true}`, `["SECRET", 1, "SECRET"]`, "", "uniqueItems", "The items 0 and 2 are equal."},
	{`{"contains": {"type": "null"}}`, `["SECRET"]`, "", "contains", "No item has the form that one must have."},
	{`{"contains": {"type": "null"}, "minContains": 2}`, `["SECRET", null]`, "", "minContains", "Too few items have the form that at least 2 must have."},
	{`{"contains": {"type": "null"}, "maxContains": 1}`, `["SECRET", null, null]`, "", "maxContains", "More than 1 items have a form that no more may have."},
	{`{"$schema": "http://json-schema.org/draft-07/schema#", "items": [{}], "additionalItems": false}`, `[1, "SECRET"]`, "", "additionalItems", "This has 1 more items than are allowed."},
	{`{"not": {"type": "string"}}`, `"SECRET"`, "", "not", "This has a form that is not allowed."},
	{`{"anyOf": [{"type": "null"}, {"type": "integer"}]}`, `"SECRET"`, "", "anyOf", "This matches none of the allowed forms."},
	{`{"oneOf": [{"type": "null"}, {"type": "integer"}]}`, `"SECRET"`, "", "oneOf", "This matches none of the allowed forms."},
	{`{"oneOf": [{"type": "string"}, {"minLength": 1}]}`, `"SECRET"`, "", "oneOf", "This matches more than one of forms that exclude each other."},
	{`{"items": {"items": {"type": "string"}}}`, `[[], ["a", 424242]]`, "/1/1", "type", "This must be of type string, not number."},
}

func TestSentences(t *testing.T) {
	t.Parallel()
	for _, tc := range sentences {
		errs := compileText(t, tc.schema).Check(parseDocument(t, tc.document), DefaultMaxErrors)
		require.Equal(t, []problem.FieldError{{Pointer: tc.pointer, Keyword: tc.keyword, Detail: tc.detail}}, errs, tc.schema)
	}
}

// TestAlternatives checks that the errors are those of the alternative that was meant.
func TestAlternatives(t *testing.T) {
	t.Parallel()
	byConst := compileText(t, `{"oneOf": [
		{"properties": {"kind": {"const": "a"}, "n": {"type": "integer"}}, "required": ["kind", "n"]},
		{"properties": {"kind": {"const": "b"}, "s": {"type": "string"}}, "required": ["kind", "s"]}]}`)
	require.Equal(t, []problem.FieldError{{Pointer: "/s", Keyword: "type", Detail: "This must be of type string, not number."}},
		byConst.Check(parseDocument(t, `{"kind": "b", "s": 1}`), DefaultMaxErrors))
	require.Equal(t, "oneOf", byConst.Check(parseDocument(t, `{"kind": "c"}`), DefaultMaxErrors)[0].Keyword)

	byType := compileText(t, `{"anyOf": [{"$ref": "#/$defs/text"}, {"type": "object", "required": ["id"]}], "$defs": {"text": {"type": "string"}}}`)
	require.Equal(t, []problem.FieldError{{Keyword: "required", Detail: `The property "id" is missing.`}},
		byType.Check(parseDocument(t, `{}`), DefaultMaxErrors))
}

func TestErrorsAreBounded(t *testing.T) {
	t.Parallel()
	s := compileText(t, `{"additionalProperties": false, "items": {"type": "string"}}`)
	var wide strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&wide, `"key%04d": 1,`, i)
	}
	errs := s.Check(parseDocument(t, "{"+strings.TrimSuffix(wide.String(), ",")+"}"), DefaultMaxErrors)
	require.Len(t, errs, DefaultMaxErrors)
	require.Equal(t, "/key0000", errs[0].Pointer)
	require.Len(t, s.Check(parseDocument(t, "["+strings.Repeat("1,", 5000)+"1]"), DefaultMaxErrors), DefaultMaxErrors)
	long := s.Check(parseDocument(t, `{"`+strings.Repeat("k", 100_000)+`": 1}`), DefaultMaxErrors)
	require.Empty(t, long[0].Pointer)

	names := make([]string, 50)
	for i := range names {
		names[i] = fmt.Sprintf("%q", strings.Repeat("n", 300)+fmt.Sprint(i))
	}
	required := compileText(t, `{"required": [`+strings.Join(names, ",")+`]}`)
	answer, err := json.Marshal(required.Check(parseDocument(t, `{}`), DefaultMaxErrors))
	require.NoError(t, err)
	require.Less(t, len(answer), 1500)
}

// TestNestedAlternatives would take exponential time if alternatives were searched
// from every depth.
func TestNestedAlternatives(t *testing.T) {
	t.Parallel()
	s := compileText(t, `{"anyOf": [{"type": "array", "items": {"$ref": "#"}}, {"type": "string"}]}`)
	const depth = 200
	errs := s.Check(parseDocument(t, strings.Repeat("[", depth)+"1"+strings.Repeat("]", depth)), DefaultMaxErrors)
	require.Equal(t, "anyOf", errs[0].Keyword)
}

func FuzzCheck(f *testing.F) {
	compiled := make([]*Schema, 0, len(sentences)+2)
	for _, tc := range sentences {
		compiled = append(compiled, compileText(f, tc.schema))
		f.Add([]byte(tc.document))
	}
	for _, name := range []string{"command.v1.json", "github.json"} {
		s, err := compileOne(schemas.FS, name, Options{})
		require.NoError(f, err)
		compiled = append(compiled, s)
	}
	f.Add([]byte(`{"command": "SECRET SECRET", "args": [1e399], "SECRET": {"locale": 1}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		document, err := jsondoc.Parse(body, jsondoc.Limits{})
		if err != nil {
			return
		}
		for _, s := range compiled {
			errs := s.Check(document, DefaultMaxErrors)
			require.LessOrEqual(t, len(errs), DefaultMaxErrors)
			for _, e := range errs {
				require.NotContains(t, e.Detail, "SECRET")
				require.NotContains(t, e.Detail, "424242")
				require.LessOrEqual(t, len(e.Pointer), 256)
			}
		}
	})
}
