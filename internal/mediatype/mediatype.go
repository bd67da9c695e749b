// Package mediatype reads Content-Type headers.
package mediatype

import (
	"errors"
	"mime"
	"strings"
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

// IsUTF8 reports whether a Content-Type header says nothing else than that the text is in UTF-8. In
// parameters that nobody can read, anything that could be taken for another charset counts.
func IsUTF8(contentType string) bool {
	if _, parameters, err := mime.ParseMediaType(contentType); err == nil {
		return isUTF8(parameters["charset"])
	}
	_, rest, _ := strings.Cut(contentType, ";")
	for parameter := range strings.SplitSeq(rest, ";") {
		name, value, _ := strings.Cut(parameter, "=")
		if strings.HasPrefix(strings.ToLower(strings.TrimSpace(name)), "charset") && !isUTF8(strings.Trim(value, "\"' \t")) {
			return false
		}
	}
	return true
}

func isUTF8(charset string) bool {
	return charset == "" || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}
