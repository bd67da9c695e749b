package api

import (
	_ "embed"
	"fmt"
	"net/http"
	"sync"

	"go.yaml.in/yaml/v3"
)

// description is the OpenAPI document, written by hand; a test compares it with what the
// API answers.
//
//go:embed openapi.yaml
var description []byte

// describe is the document in JSON.
var describe = sync.OnceValues(func() (*reply, error) {
	var document map[string]any
	if err := yaml.Unmarshal(description, &document); err != nil {
		return nil, fmt.Errorf("reading the OpenAPI document: %w", err)
	}
	return encodeKept(document)
})

// openapi answers GET /openapi.json.
func (a *api) openapi(*http.Request, caller) (*reply, error) { return describe() }
