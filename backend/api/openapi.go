package api

import (
	_ "embed"
	"encoding/json"
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

// describe returns the document in JSON.
var describe = sync.OnceValues(func() ([]byte, error) {
	var document map[string]any
	if err := yaml.Unmarshal(description, &document); err != nil {
		return nil, fmt.Errorf("reading the OpenAPI document: %w", err)
	}
	return json.Marshal(document)
})

// openapi answers GET /openapi.json.
func openapi(w *response, r *http.Request) error {
	body, err := describe()
	if err != nil {
		return err
	}
	w.sendKept(r, versionOf(body), body)
	return nil
}
