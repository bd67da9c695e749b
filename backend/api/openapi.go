package api

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/botgate/botgate/backend/internal/openapipage"
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

// page is the document as a page.
var page = sync.OnceValues(func() ([]byte, error) { return openapipage.Render(description) })

// openapiPage answers GET /openapi.html.
func openapiPage(w *response, r *http.Request) error {
	body, err := page()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Security-Policy", openapipage.Policy())
	w.sendKeptAs(r, versionOf(body), "text/html; charset=utf-8", body)
	return nil
}
