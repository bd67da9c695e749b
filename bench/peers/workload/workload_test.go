package workload

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

func TestBodiesMatchTheSchemaAndTheWrongOneDoesNot(t *testing.T) {
	t.Parallel()
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("order.json", parsed))
	schema, err := compiler.Compile("order.json")
	require.NoError(t, err)
	validate := func(body []byte) error {
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
		require.NoError(t, err)
		return schema.Validate(document)
	}
	for user := range Users {
		require.NoError(t, validate(Body(user)))
		require.InDelta(t, 640, len(Body(user)), 40)
	}
	tokens, err := Tokens([]byte("a secret of some length, 32 bytes or more"))
	require.NoError(t, err)
	refused, err := Refused(tokens)
	require.NoError(t, err)
	_, body := read(t, refused[2])
	require.Error(t, validate(body))
}

func TestTheSchemaHasTwentyPropertiesWithAValue(t *testing.T) {
	t.Parallel()
	var schema node
	require.NoError(t, json.Unmarshal(Schema, &schema))
	require.Equal(t, 20, schema.values())
}

type node struct {
	Properties map[string]node `json:"properties"`
	Items      *node           `json:"items"`
}

func (n node) values() (count int) {
	if n.Items != nil {
		return n.Items.values()
	}
	for _, p := range n.Properties {
		count += p.values()
	}
	return max(1, count)
}

func TestRequestsAreHTTP(t *testing.T) {
	t.Parallel()
	requests := Requests([]string{"one", "two"})
	require.Len(t, requests, 2)
	request, body := read(t, requests[1])
	require.Equal(t, "POST", request.Method)
	require.Equal(t, Path, request.URL.Path)
	require.Equal(t, "Bearer two", request.Header.Get("Authorization"))
	require.Equal(t, Body(1), body)
	refused, err := Refused([]string{"one"})
	require.NoError(t, err)
	require.Len(t, refused, 3)
	request, _ = read(t, refused[0])
	require.Empty(t, request.Header.Get("Authorization"))
}

func read(t *testing.T, wire []byte) (*http.Request, []byte) {
	t.Helper()
	request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
	require.NoError(t, err)
	body, err := io.ReadAll(request.Body)
	require.NoError(t, err)
	return request, body
}
