package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// reply is a success: a JSON document.
type reply struct {
	body []byte
}

// encode makes a reply of a document.
func encode(document any) (*reply, error) {
	body, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("encoding an answer: %w", err)
	}
	return &reply{body: body}, nil
}

// write answers with the reply and returns the status.
func (p *reply) write(w http.ResponseWriter, _ *http.Request) int {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(p.body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	// The client may be gone; there is nobody left to tell.
	_, _ = w.Write(p.body)
	return http.StatusOK
}
