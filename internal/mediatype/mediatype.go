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
	if isBare(contentType) {
		return contentType
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return ""
	}
	return media
}

// IsUTF8 reports whether a Content-Type header says nothing else than that the text is in UTF-8. In
// parameters that nobody can read, anything that could be taken for another charset counts.
func IsUTF8(contentType string) bool {
	if isBare(contentType) {
		return true
	}
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

// isBare reports whether a header is a media type in lower case and nothing else, as most are: there is nothing to parse.
func isBare(contentType string) bool {
	kind, subtype, _ := strings.Cut(contentType, "/")
	return isWord(kind) && isWord(subtype)
}

func isWord(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '+' && c != '.' {
			return false
		}
	}
	return s != ""
}

func isUTF8(charset string) bool {
	return charset == "" || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}
