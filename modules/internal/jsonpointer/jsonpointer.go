// Package jsonpointer writes and reads JSON pointers (RFC 6901).
package jsonpointer

import (
	"fmt"
	"strings"
)

// maxLength is the longest pointer that [Format] writes, in bytes.
const maxLength = 256

var (
	escaper   = strings.NewReplacer("~", "~0", "/", "~1")
	unescaper = strings.NewReplacer("~1", "/", "~0", "~")
)

// Format writes the pointer to a location. One that would be longer than maxLength ends
// at an outer value, so that names of members, which are the sender's, can't bloat an answer.
func Format(location []string) string {
	var b strings.Builder
	for _, token := range location {
		if len(token) >= maxLength {
			break
		}
		token = Escape(token)
		if b.Len()+1+len(token) > maxLength {
			break
		}
		b.WriteByte('/')
		b.WriteString(token)
	}
	return b.String()
}

// Escape returns the name of a member as it stands in a pointer.
func Escape(token string) string { return escaper.Replace(token) }

// Parse returns the names and positions that a pointer consists of.
func Parse(pointer string) ([]string, error) {
	if pointer == "" {
		return nil, nil
	}
	if pointer[0] != '/' {
		return nil, fmt.Errorf("JSON pointer %q: it must begin with /", pointer)
	}
	tokens := strings.Split(pointer[1:], "/")
	for i, token := range tokens {
		rest := strings.ReplaceAll(strings.ReplaceAll(token, "~0", ""), "~1", "")
		if strings.Contains(rest, "~") {
			return nil, fmt.Errorf("JSON pointer %q: a ~ in a name is written ~0, and a / is ~1", pointer)
		}
		tokens[i] = unescaper.Replace(token)
	}
	return tokens, nil
}
