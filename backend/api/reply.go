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
	// version lets a caller who has the very document already be told so; empty for a
	// document that nobody is to keep.
	version string
}

// encode makes a reply of a document.
func encode(document any) (*reply, error) {
	body, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("encoding an answer: %w", err)
	}
	return &reply{body: body}, nil
}

// encodeKept makes a reply of a document that the caller may keep.
func encodeKept(document any) (*reply, error) {
	p, err := encode(document)
	if err != nil {
		return nil, err
	}
	return p.kept(), nil
}

// kept is the reply with a version: the caller may keep it, and asks each time whether it
// still holds. That goes for the past too: what happened then may be recorded later, and
// an erased user's events are to be gone.
func (p *reply) kept() *reply {
	p.version = versionOf(p.body)
	return p
}

// write answers with the reply and returns the status.
func (p *reply) write(w http.ResponseWriter, r *http.Request) int {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if p.version != "" {
		h.Set("Cache-Control", "private, no-cache")
		h.Set("ETag", `"`+p.version+`"`)
		if matchesAny(r.Header.Values("If-None-Match"), p.version) {
			w.WriteHeader(http.StatusNotModified)
			return http.StatusNotModified
		}
	}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(p.body)))
	// The client may be gone; there is nobody left to tell.
	_, _ = w.Write(p.body)
	return http.StatusOK
}
