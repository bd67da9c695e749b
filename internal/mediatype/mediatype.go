// Package mediatype reads Content-Type headers.
package mediatype

import (
	"errors"
	"mime"
)

// Of returns the media type of a Content-Type header (RFC 9110, section 8.3.1) in lower case, and ""
// where it has none. Parameters that nobody can read, such as "charset=", say nothing about the type.
func Of(contentType string) string {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return ""
	}
	return media
}
