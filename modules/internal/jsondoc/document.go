// Package jsondoc reads a JSON document (RFC 8259) in one pass, within limits, into a flat list of its
// tokens. Whoever looks at the document walks over the tokens; a tree of values is made only on demand.
package jsondoc

import "encoding/json"

// Kind is the type of a value, as in RFC 8259.
type Kind uint8

// The kinds of values.
const (
	Null Kind = iota + 1
	False
	True
	Number
	String
	Array
	Object
)

// Document is a document that was read. It may be used concurrently, and refers to the text that it was
// read from, which must not be changed.
type Document struct {
	text     []byte
	tokens   []token
	extremes Limits
}

// token is a value, or the name of a member. A container is followed by its items, or by the names and
// values of its members.
type token struct {
	// start and end are where a number, or what is between the quotes of a string, is in the text.
	// Of a container end is how many items or members it has.
	start, end uint32
	// next is the token after the value and all that is in it.
	next uint32
	kind Kind
	// plain means that a string has no escape sequence, or that a number is written as an integer.
	plain bool
}

// Value is a value of a document, or the name of a member, which is a string.
type Value struct {
	document *Document
	at       uint32
}

// Root returns the value that the document is.
func (d *Document) Root() Value { return Value{document: d} }

// Extremes returns how deep, wide and long the document is in each respect that has a limit.
func (d *Document) Extremes() Limits { return d.extremes }

func (v Value) token() *token { return &v.document.tokens[v.at] }

// Kind returns the type of the value.
func (v Value) Kind() Kind { return v.token().kind }

// Len returns how many items an array, or members an object has.
func (v Value) Len() int { return int(v.token().end) }

// Plain reports whether a string is written without escape sequences, or a number as an integer.
func (v Value) Plain() bool { return v.token().plain }

// Raw returns a number as it is written, or what is between the quotes of a string. It must not be changed.
func (v Value) Raw() []byte {
	t := v.token()
	return v.document.text[t.start:t.end]
}

// Text returns a string with its escape sequences resolved. Where there are any, the bytes are appended to
// the buffer, and otherwise they are the document's own and must not be changed.
func (v Value) Text(buffer []byte) []byte {
	if v.Plain() {
		return v.Raw()
	}
	// The sequences were checked when the document was read.
	return unescape(buffer, v.Raw())
}

// Items yields the items of an array.
func (v Value) Items(yield func(item Value) bool) {
	t := v.token()
	for at := v.at + 1; at < t.next; at = v.document.tokens[at].next {
		if !yield(Value{document: v.document, at: at}) {
			return
		}
	}
}

// Members yields the names and values of an object's members.
func (v Value) Members(yield func(name, value Value) bool) {
	t := v.token()
	for at := v.at + 1; at < t.next; {
		if !yield(Value{document: v.document, at: at}, Value{document: v.document, at: at + 1}) {
			return
		}
		at = v.document.tokens[at+1].next
	}
}

// Member returns the member of an object, and whether there is one. What is no object has none.
func (v Value) Member(name string) (Value, bool) {
	if v.Kind() != Object {
		return Value{}, false
	}
	for n, value := range v.Members {
		if string(n.Text(nil)) == name {
			return value, true
		}
	}
	return Value{}, false
}

// Decode returns what [encoding/json] makes of the value with UseNumber: map[string]any, []any,
// json.Number, string, bool or nil.
func (v Value) Decode() any {
	switch v.Kind() {
	case Object:
		members := make(map[string]any, v.Len())
		for name, value := range v.Members {
			members[string(name.Text(nil))] = value.Decode()
		}
		return members
	case Array:
		items := make([]any, 0, v.Len())
		for item := range v.Items {
			items = append(items, item.Decode())
		}
		return items
	case String:
		return string(v.Text(nil))
	case Number:
		return json.Number(v.Raw())
	case True:
		return true
	case False:
		return false
	default:
		return nil
	}
}
