package platform

import (
	"iter"
	"strings"
)

// maxFields bounds the work that one request's signatures can cause.
const maxFields = 32

// fields are the values of the name in headers of the form "name=value,name=value", where any of the
// separators is between the items; without a name, the whole headers.
func fields(headers []string, separators, name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		left := maxFields
		for _, header := range headers {
			for item := range items(header, separators, name) {
				key, value, ok := strings.Cut(item, "=")
				if name == "" {
					key, value, ok = "", item, true
				}
				if ok && key == name && !yield(value) {
					return
				}
				if left--; left == 0 {
					return
				}
			}
		}
	}
}

// items splits a header, unless nothing in it has a name.
func items(header, separators, name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if name == "" {
			yield(header)
			return
		}
		isSeparator := func(r rune) bool { return strings.ContainsRune(separators, r) }
		for item := range strings.FieldsFuncSeq(header, isSeparator) {
			if !yield(strings.TrimSpace(item)) {
				return
			}
		}
	}
}

func firstField(headers []string, separators, name string) string {
	for value := range fields(headers, separators, name) {
		return value
	}
	return ""
}
