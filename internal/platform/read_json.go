package platform

import (
	"bytes"
	"cmp"
	"encoding/json"
	"iter"
	"slices"
)

// members returns the raw values of the named members of a JSON object, nil for those
// it lacks; of a repeated name the last counts, as in encoding/json. Everything else is
// skipped without being decoded: a few ids out of a large payload cost no tree and
// nearly no memory. What follows malformed JSON is not looked at.
func members(object []byte, names ...string) [][]byte {
	values := make([][]byte, len(names))
	for key, value := range entries(object) {
		for n, name := range names {
			if isKey(key, name) {
				values[n] = value
			}
		}
	}
	return values
}

// entries yields the names of an object's members, in quotes, and their raw values, up to where
// the JSON is malformed.
func entries(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		for i, open := skipSpace(object, 0), byte('{'); i < len(object) && object[i] == open; open = ',' {
			start := skipSpace(object, i+1)
			end := skipString(object, start)
			colon := skipSpace(object, end)
			if end == start || colon >= len(object) || object[colon] != ':' {
				return
			}
			from := skipSpace(object, colon+1)
			to := skipValue(object, from)
			if to == from || !yield(object[start:end], object[from:to]) {
				return
			}
			i = skipSpace(object, to)
		}
	}
}

// field returns the text of a member of nested objects, "" where one of them is lacking.
func field(object []byte, path ...string) string {
	for _, name := range path {
		object = members(object, name)[0]
	}
	return text(object)
}

// texts returns the texts of an object's members, "" for those it lacks.
func texts(object []byte, names ...string) []string {
	values := make([]string, len(names))
	for n, value := range members(object, names...) {
		values[n] = text(value)
	}
	return values
}

// elements yields the raw values of a JSON array, none of anything else. What follows
// malformed JSON is left out.
func elements(array []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i, open := skipSpace(array, 0), byte('['); i < len(array) && array[i] == open; open = ',' {
			from := skipSpace(array, i+1)
			to := skipValue(array, from)
			if to == from || !yield(array[from:to]) {
				return
			}
			i = skipSpace(array, to)
		}
	}
}

// otherMember returns the first member of an object whose name is not the given one.
func otherMember(object []byte, name string) (string, []byte) {
	for quoted, value := range entries(object) {
		if key := unquote(quoted); key != name {
			return key, value
		}
	}
	return "", nil
}

// withMember returns the object with another value for the last member of that name. All
// other bytes stay as they are.
func withMember(object []byte, name string, value []byte) []byte {
	shell := frameOf(object, name)
	return slices.Concat(shell.before, value, shell.after)
}

// listOf returns a JSON array with that one raw value in it.
func listOf(value []byte) []byte { return slices.Concat([]byte("["), value, []byte("]")) }

// textOrID returns the text of a value, or of the member "id" of an object.
func textOrID(value []byte) string { return cmp.Or(text(value), field(value, "id")) }

// firstID returns the first "id" that one of the objects has.
func firstID(objects ...[]byte) string {
	for _, object := range objects {
		if id := field(object, "id"); id != "" {
			return id
		}
	}
	return ""
}

// text returns a JSON string's content, a number as it is written, and "" for the rest.
func text(value []byte) string {
	if len(value) == 0 {
		return ""
	}
	switch c := value[0]; {
	case c == '"':
		return unquote(value)
	case c == '-' || '0' <= c && c <= '9':
		if json.Valid(value) {
			return string(value)
		}
	}
	return ""
}

func unquote(quoted []byte) string {
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return ""
	}
	return s
}

func isKey(quoted []byte, name string) bool {
	inner := quoted[1 : len(quoted)-1]
	return string(inner) == name || (bytes.IndexByte(inner, '\\') >= 0 && unquote(quoted) == name)
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// skipString returns the index after the string that starts at i, or i if none does.
func skipString(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return i
	}
	for at := i + 1; at < len(b); at++ {
		next := bytes.IndexByte(b[at:], '"')
		if next < 0 {
			return i
		}
		at += next
		if !escaped(b[i+1 : at]) {
			return at + 1
		}
	}
	return i
}

// escaped reports whether what follows before is escaped by a backslash at its end.
func escaped(before []byte) bool {
	odd := false
	for n := len(before) - 1; n >= 0 && before[n] == '\\'; n-- {
		odd = !odd
	}
	return odd
}

// skipValue returns the index after the value that starts at i, or i if none does.
func skipValue(b []byte, i int) int {
	if i >= len(b) {
		return i
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		return skipNested(b, i)
	}
	for i < len(b) && !endsLiteral(b[i]) {
		i++
	}
	return i
}

func endsLiteral(c byte) bool {
	switch c {
	case ',', ']', '}', ':', '"', ' ', '\t', '\r', '\n':
		return true
	}
	return false
}

// skipNested counts brackets of both kinds alike: whether they match is for those to
// judge who validate the document.
func skipNested(b []byte, i int) int {
	depth := 0
	for at := i; at < len(b); {
		switch b[at] {
		case '"':
			end := skipString(b, at)
			if end == at {
				return i
			}
			at = end
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return at + 1
			}
		}
		at++
	}
	return i
}
