package platform

import (
	"mime"
	"net/http"
)

// isForm reports whether the body is a form.
func isForm(header http.Header) bool {
	media, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	return err == nil && media == "application/x-www-form-urlencoded"
}
