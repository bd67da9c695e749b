package schemacheck_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/internal/jsondoc"
	"github.com/botgate/botgate/modules/internal/schemacheck"
)

const draft7 = `"$schema":"http://json-schema.org/draft-07/schema#"`

func compile(text string) (*jsonschema.Schema, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(text)))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schemas:///s.json", document); err != nil {
		return nil, err
	}
	return c.Compile("schemas:///s.json")
}

// schemas are those that the checker's own ways to go about a keyword could get wrong; the
// JSON-Schema-Test-Suite, which package schema runs, has the others.
var schemas = []string{
	`{"minimum":1,"maximum":9007199254740993}`, `{"minimum":0.1,"exclusiveMaximum":1e300}`, `{"multipleOf":0.01}`,
	`{"multipleOf":9223372036854775807}`, `{"exclusiveMinimum":-9223372036854775808}`, `{"type":"integer"}`,
	`{"type":["integer","string"]}`, `{"enum":[1,1.5,"a",null,true]}`, `{"const":18446744073709551616}`, `{"const":{"a":1}}`,
	`{"enum":["a"],"const":"a"}`, `{"minLength":2,"maxLength":3}`, `{"maxLength":0}`, `{"minLength":4}`, `{"pattern":"^\\p{L}+$"}`,
	`{"uniqueItems":true}`, `{"contains":{"type":"string"},"maxContains":1}`, `{"contains":true,"minContains":0}`,
	`{"prefixItems":[{"type":"integer"}],"items":false}`, `{"items":{"$ref":"#"},"maxItems":2}`,
	`{` + draft7 + `,"items":[{"type":"string"}],"additionalItems":{"type":"integer"}}`,
	`{` + draft7 + `,"items":{"type":"string"},"additionalItems":false}`,
	`{` + draft7 + `,"$ref":"#/definitions/a","type":"string","definitions":{"a":{"type":"integer"}}}`,
	`{"required":["a","b"],"properties":{"a":{"type":"integer"}}}`, `{"required":["a"],"additionalProperties":false}`,
	`{"patternProperties":{"^a":{"type":"integer"}},"properties":{"ab":{"minimum":2}},"additionalProperties":{"type":"string"}}`,
	`{"propertyNames":{"maxLength":1},"minProperties":1}`, `{"dependentRequired":{"a":["b"]}}`,
	`{"dependentSchemas":{"a":{"required":["b"]}}}`, `{"if":{"type":"string"},"then":{"minLength":2},"else":{"type":"array"}}`,
	`{"not":{"type":"object"}}`, `{"oneOf":[{"type":"integer"},{"minimum":2}]}`, `{"anyOf":[{"type":"string"},{"required":["a"]}]}`,
	`{"allOf":[{"$ref":"#/$defs/x"}],"$defs":{"x":{"properties":{"a":{"$ref":"#"}}}}}`, `{"$ref":"#"}`,
	`{"properties":{"a":{"unevaluatedProperties":false,"properties":{"b":true}}}}`, `{"format":"date-time"}`,
	`{"$dynamicAnchor":"x","items":{"$dynamicRef":"#x"},"type":"array"}`, `true`, `false`, `{"format":"ipv4"}`,
}

var documents = []string{
	`null`, `true`, `false`, `0`, `-0`, `1`, `1.0`, `1e0`, `1.5`, `0.1`, `0.10000000000000001`, `2`, `-1`, `9007199254740992`,
	`9007199254740993`, `9007199254740993.0`, `9223372036854775807`, `9223372036854775808`, `-9223372036854775808`, `1e300`,
	`1e301`, `18446744073709551616`, `1.8446744073709551616e19`, `0.03`, `0.035`, `""`, `"a"`, `"\u0061"`, `"ab"`, `"é€"`, `"😀😀😀"`,
	`"\ud83d\ude00"`, `"abcd"`, `"1.2.3.4"`, `"2026-11-28T10:00:00Z"`, `[]`, `[1]`, `[1,"a"]`, `["a","a"]`, `["a","\u0061"]`, `[1,1.0]`,
	`[[],[]]`, `[[[]]]`, `["a",1,"b"]`, `{}`, `{"a":1}`, `{"\u0061":1}`, `{"a":"x"}`, `{"ab":1}`, `{"ab":2}`, `{"b":"x"}`, `{"b":1}`,
	`{"a":1,"b":2}`, `{"a":{"b":1}}`, `{"a":{"b":1,"c":2}}`, `{"a":{"a":{}}}`, `{"a":{"a":1}}`,
}

// requireAlike requires the library's verdict.
func requireAlike(t *testing.T, schema *jsonschema.Schema, text, document string) {
	t.Helper()
	parsed, err := jsondoc.Parse([]byte(document), jsondoc.Limits{})
	if err != nil {
		return
	}
	want := schema.Validate(parsed.Root().Decode()) == nil
	require.Equal(t, want, schemacheck.New(schema).Valid(parsed), "%s of %s", document, text)
}

func TestVerdictIsTheLibrarys(t *testing.T) {
	t.Parallel()
	for _, text := range schemas {
		schema, err := compile(text)
		require.NoError(t, err, text)
		for _, document := range documents {
			requireAlike(t, schema, text, document)
		}
	}
}

func FuzzVerdict(f *testing.F) {
	for i, schema := range schemas {
		f.Add(schema, documents[i%len(documents)])
	}
	f.Add(w1Schema, string(w1Body))
	f.Fuzz(func(t *testing.T, text, document string) {
		if schema, err := compile(text); err == nil {
			requireAlike(t, schema, text, document)
		}
	})
}

// w1Schema has 20 properties, and w1Body about 600 bytes.
const w1Schema = `{` + draft7 + `,"type":"object","additionalProperties":false,"required":["id","type","user","chat","text","at"],"properties":{
"id":{"type":"string","minLength":8,"maxLength":64,"pattern":"^[A-Za-z0-9_-]+$"},"type":{"enum":["message","command","edit"]},
"user":{"type":"object","additionalProperties":false,"required":["id"],"properties":{"id":{"type":"string","minLength":1,"maxLength":64},
"name":{"type":"string","maxLength":128},"locale":{"type":"string","maxLength":16},"bot":{"type":"boolean"}}},
"chat":{"type":"object","required":["id","kind"],"properties":{"id":{"type":"string","maxLength":64},"kind":{"enum":["private","group"]}}},
"text":{"type":"string","minLength":1,"maxLength":4096},"at":{"type":"integer","minimum":0},"priority":{"type":"integer","maximum":9},
"reply_to":{"type":["string","null"],"maxLength":64},"entities":{"type":"array","maxItems":32,"items":{"type":"object",
"required":["type","offset","length"],"properties":{"type":{"type":"string"},"offset":{"type":"integer","minimum":0},"length":{"type":"integer","minimum":1}}}},
"client":{"type":"object","properties":{"name":{"type":"string","maxLength":64},"version":{"type":"string","maxLength":32}}}}}`

var w1Body = []byte(`{"id":"cmd-00000042-0042-4a1b-9c2d","type":"message","user":{"id":"user-42","name":"Alice Example","locale":"de-DE","bot":false},
"chat":{"id":"chat-0042","kind":"private"},"text":"` + string(bytes.Repeat([]byte("The printer is on fire. "), 11)) + `","at":1795000000,
"priority":3,"reply_to":null,"entities":[{"type":"bold","offset":4,"length":7},{"type":"link","offset":15,"length":4}],
"client":{"name":"desk-app","version":"2.4.1"}}`)

// BenchmarkW1 has what reading and checking a body costs here and with the library, and the ratio of the two.
func BenchmarkW1(b *testing.B) {
	schema, err := compile(w1Schema)
	require.NoError(b, err)
	checker := schemacheck.New(schema)
	ways := map[string]func() bool{
		"checker": func() bool {
			document, err := jsondoc.Parse(w1Body, jsondoc.Limits{})
			return err == nil && checker.Valid(document)
		},
		"library": func() bool {
			document, err := jsonschema.UnmarshalJSON(bytes.NewReader(w1Body))
			return err == nil && schema.Validate(document) == nil
		},
	}
	for _, way := range []string{"checker", "library"} {
		b.Run(way, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				require.True(b, ways[way]())
			}
		})
	}
	b.Run("ratio", func(b *testing.B) {
		spent := map[string]time.Duration{}
		for b.Loop() {
			for way, check := range ways {
				start := time.Now()
				check()
				spent[way] += time.Since(start)
			}
		}
		b.ReportMetric(float64(spent["checker"])/float64(spent["library"]), "x-library")
	})
}
