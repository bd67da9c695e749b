// Package schemacheck says whether a document keeps to a JSON Schema, from the document's tokens and without a
// tree of values. It is made from a schema that the library compiled, gives the library's verdict, and leaves to
// the library what it does not know. It does not say what is wrong: that, too, is left to the library.
package schemacheck

import (
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/botgate/botgate/modules/internal/jsondoc"
)

// Checker is a compiled schema. It may be used concurrently.
type Checker struct {
	root *node
}

// New returns the checker of a schema.
func New(schema *jsonschema.Schema) *Checker {
	c := &compiler{nodes: map[*jsonschema.Schema]*node{}}
	root := c.node(schema)
	if c.dynamic || c.endless() {
		// Which schema is meant depends on the way to it, which only the library keeps.
		root = &node{library: schema}
	}
	return &Checker{root: root}
}

// Valid reports whether the document keeps to the schema.
func (c *Checker) Valid(document *jsondoc.Document) bool {
	var check check
	return check.valid(c.root, document.Root())
}

// check is one check of one document.
type check struct {
	// buffer holds the last string that had escape sequences.
	buffer []byte
}

// node is a schema.
type node struct {
	// library is the schema where it has a keyword that is unknown here; all else is not set then.
	library *jsonschema.Schema

	// never is the schema false.
	never  bool
	types  kinds
	values *values
	format *jsonschema.Format
	// ref is $ref, and alone that the other keywords below don't count beside it, as up to draft 7.
	ref   *node
	alone bool

	object *object
	array  *array
	text   *text
	number *number
	logic  *logic
}

func (c *check) valid(n *node, v jsondoc.Value) bool {
	if n.library != nil {
		return n.library.Validate(v.Decode()) == nil
	}
	if n.never || !n.types.allow(v) || n.values != nil && !n.values.contain(c, v) {
		return false
	}
	// The formats are all for strings.
	if n.format != nil && v.Kind() == jsondoc.String && n.format.Validate(string(c.string(v))) != nil {
		return false
	}
	if n.ref != nil {
		if ok := c.valid(n.ref, v); !ok || n.alone {
			return ok
		}
	}
	return c.content(n, v) && (n.logic == nil || n.logic.valid(c, v))
}

// content checks what the keywords for the value's type say.
func (c *check) content(n *node, v jsondoc.Value) bool {
	switch v.Kind() {
	case jsondoc.Object:
		return n.object == nil || n.object.valid(c, v)
	case jsondoc.Array:
		return n.array == nil || n.array.valid(c, v)
	case jsondoc.String:
		return n.text == nil || n.text.valid(c.string(v))
	case jsondoc.Number:
		return n.number == nil || n.number.valid(v)
	default:
		return true
	}
}

// string returns a string's text, until the next call.
func (c *check) string(v jsondoc.Value) []byte {
	if v.Plain() {
		return v.Raw()
	}
	c.buffer = v.Text(c.buffer[:0])
	return c.buffer
}

// all reports whether a value keeps to each of the schemas.
func (c *check) all(nodes []*node, v jsondoc.Value) bool {
	for _, n := range nodes {
		if !c.valid(n, v) {
			return false
		}
	}
	return true
}
