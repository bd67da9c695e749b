// Package openapitest compares answers of a running server with its OpenAPI document.
package openapitest

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// object is a part of the document.
type object = map[string]any

// Contract is an OpenAPI document, and finds in it what an answer should look like.
type Contract struct {
	t        *testing.T
	document object
	compiler *jsonschema.Compiler
	// used are the operations that were answered with success.
	used map[string]bool
}

// New reads a document in JSON.
func New(t *testing.T, source []byte) *Contract {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(source))
	require.NoError(t, err)
	c := &Contract{t: t, document: document.(object), compiler: jsonschema.NewCompiler(), used: map[string]bool{}}
	closeObjects(c.document["components"])
	closeObjects(c.document["paths"])
	c.compiler.AssertFormat()
	require.NoError(t, c.compiler.AddResource("openapi.json", document))
	return c
}

// closeObjects refuses members that are not described. Clients are to take them: more may be
// added.
func closeObjects(part any) {
	switch part := part.(type) {
	case object:
		if _, described := part["properties"].(object); described && part["type"] == "object" {
			part["additionalProperties"] = false
		}
		for _, inner := range part {
			closeObjects(inner)
		}
	case []any:
		for _, inner := range part {
			closeObjects(inner)
		}
	}
}

// At returns a part of the document, behind references, and where it is.
func (c *Contract) At(pointer string) (part map[string]any, where string) {
	c.t.Helper()
	part = c.document
	for name := range strings.SplitSeq(strings.TrimPrefix(pointer, "#/"), "/") {
		inner, ok := part[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)].(object)
		require.True(c.t, ok, "there is no %s", pointer)
		if ref, ok := inner["$ref"].(string); ok {
			require.True(c.t, strings.HasSuffix(pointer, "/"+name), "references are at the end")
			return c.At(ref)
		}
		part = inner
	}
	return part, pointer
}

// Operations are those of the document, as "GET /v1/events".
func (c *Contract) Operations() []string {
	var all []string
	for path, item := range c.document["paths"].(object) {
		for method := range item.(object) {
			if method != "parameters" {
				all = append(all, strings.ToUpper(method)+" "+path)
			}
		}
	}
	slices.Sort(all)
	return all
}

// operation finds the most special one that a request belongs to.
func (c *Contract) operation(method, path string) string {
	c.t.Helper()
	found := ""
	for _, o := range c.Operations() {
		m, template, _ := strings.Cut(o, " ")
		pattern := "^" + regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(template), `[^/]+`) + "$"
		if m == method && regexp.MustCompile(pattern).MatchString(path) && (found == "" || strings.Count(o, "{") < strings.Count(found, "{")) {
			found = o
		}
	}
	require.NotEmpty(c.t, found, "%s %s", method, path)
	return found
}

// Check compares an answer to a method with the document.
func (c *Contract) Check(method string, r *http.Response) {
	c.t.Helper()
	o := c.operation(method, r.Request.URL.EscapedPath())
	_, path, _ := strings.Cut(o, " ")
	what := fmt.Sprintf("%s %s: %d", method, r.Request.URL, r.StatusCode)
	answer, pointer := c.At("#/paths/" + strings.ReplaceAll(path, "/", "~1") + "/" + strings.ToLower(method) + "/responses/" + strconv.Itoa(r.StatusCode))
	headers, _ := answer["headers"].(object)
	for name, header := range headers {
		value := r.Header.Get(name)
		if value == "" {
			require.Nil(c.t, header.(object)["required"], "%s: no %s", what, name)
			continue
		}
		c.validate(pointer+"/headers/"+name+"/schema", value, what+" "+name)
	}
	contents, _ := answer["content"].(object)
	if len(contents) == 0 {
		require.Empty(c.t, r.Header.Get("Content-Type"), what)
	} else {
		c.checkBody(contents, pointer, r, what)
	}
	c.used[o] = c.used[o] || r.StatusCode < 300
}

func (c *Contract) checkBody(contents object, pointer string, r *http.Response, what string) {
	c.t.Helper()
	if _, opaque := contents["*/*"]; opaque {
		return // Others' bytes.
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	require.NoError(c.t, err, what)
	require.Contains(c.t, contents, media, what)
	if media != "application/json" && !strings.HasSuffix(media, "+json") {
		return
	}
	body, err := io.ReadAll(r.Body)
	require.NoError(c.t, err, what)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	require.NoError(c.t, err, "%s: %s", what, body)
	c.validate(pointer+"/content/"+strings.ReplaceAll(media, "/", "~1")+"/schema", value, what)
}

func (c *Contract) validate(pointer string, value any, what string) {
	c.t.Helper()
	require.NoError(c.t, c.Compile(pointer).Validate(value), what)
}

// Compile returns the schema at a place.
func (c *Contract) Compile(pointer string) *jsonschema.Schema {
	c.t.Helper()
	schema, err := c.compiler.Compile("openapi.json" + strings.NewReplacer("{", "%7B", "}", "%7D").Replace(pointer))
	require.NoError(c.t, err, pointer)
	return schema
}

// Used reports whether an answer to the operation was a success.
func (c *Contract) Used(operation string) bool { return c.used[operation] }
