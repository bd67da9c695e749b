package schemas_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// TestDocumentedBodiesPass checks each kind of payload that platforms document: what a schema refuses there is
// an event lost.
func TestDocumentedBodiesPass(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../internal/platform/testdata/documented/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		name, _, _ := strings.Cut(filepath.Base(file), ".")
		if !slices.Contains(envelopes(t), name) {
			continue
		}
		var cases []struct {
			Name, Form string
			Body       json.RawMessage
		}
		require.NoError(t, json.Unmarshal(read(t, file), &cases))
		schema := compile(t, name)
		for _, c := range cases {
			if c.Form == "form" {
				continue // Slash commands, and all of Twilio, are no JSON.
			}
			document, err := jsonschema.UnmarshalJSON(bytes.NewReader(c.Body))
			require.NoError(t, err)
			require.NoError(t, schema.Validate(document), "%s: %s", name, c.Name)
		}
	}
}
