package schemacheck

import (
	"regexp"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// compiler makes nodes, one for each schema, so that schemas may refer to themselves.
type compiler struct {
	nodes map[*jsonschema.Schema]*node
	// dynamic means that a reference goes by the way to it.
	dynamic bool
}

func (c *compiler) node(s *jsonschema.Schema) *node {
	if s == nil {
		return nil
	}
	if n, ok := c.nodes[s]; ok {
		return n
	}
	n := &node{}
	c.nodes[s] = n
	c.dynamic = c.dynamic || s.RecursiveRef != nil || s.DynamicRef != nil
	if s.Bool != nil {
		n.never = !*s.Bool
		return n
	}
	c.fill(n, s)
	if !c.known(n, s) {
		// What it refers to is compiled nevertheless: a dynamic reference may be there.
		*n = node{library: s}
	}
	return n
}

// fill compiles the keywords of a schema.
func (c *compiler) fill(n *node, s *jsonschema.Schema) {
	n.types = kindsOf(s.Types)
	n.values = valuesOf(s)
	n.format = s.Format
	n.ref, n.alone = c.node(s.Ref), s.DraftVersion < 2019
	n.object = c.object(s)
	n.array = c.array(s)
	n.text = textOf(s)
	n.number = numberOf(s)
	n.logic = c.logic(s)
	c.skipped(s)
}

// known reports whether the node says all that the schema says.
func (c *compiler) known(n *node, s *jsonschema.Schema) bool {
	return len(s.Extensions) == 0 && s.UnevaluatedProperties == nil && s.UnevaluatedItems == nil &&
		s.ContentEncoding == nil && s.ContentMediaType == nil && s.ContentSchema == nil &&
		(n.values == nil || !n.values.unknown) && (n.text == nil || !n.text.unknown) &&
		(n.object == nil || !n.object.unknown)
}

// skipped looks for dynamic references in schemas that are left to the library.
func (c *compiler) skipped(s *jsonschema.Schema) {
	c.node(s.UnevaluatedProperties)
	c.node(s.UnevaluatedItems)
	c.node(s.ContentSchema)
}

func (c *compiler) list(schemas []*jsonschema.Schema) []*node {
	var nodes []*node
	for _, s := range schemas {
		nodes = append(nodes, c.node(s))
	}
	return nodes
}

// pattern compiles what the library matches by, for bytes. It returns nil where Go does not know it.
func pattern(r jsonschema.Regexp) *regexp.Regexp {
	compiled, err := regexp.Compile(r.String())
	if err != nil {
		return nil
	}
	return compiled
}

// endless reports whether a schema leads to itself without a step into the document, as {"$ref": "#"} does.
func (c *compiler) endless() bool {
	state := map[*node]int{}
	const open, done = 1, 2
	var loops func(n *node) bool
	loops = func(n *node) bool {
		switch state[n] {
		case open:
			return true
		case done:
			return false
		}
		state[n] = open
		for _, next := range n.beside() {
			if next != nil && loops(next) {
				return true
			}
		}
		state[n] = done
		return false
	}
	for _, n := range c.nodes {
		if loops(n) {
			return true
		}
	}
	return false
}

// beside returns the schemas that are for the same value as the node.
func (n *node) beside() []*node {
	nodes := []*node{n.ref}
	if n.logic != nil {
		nodes = append(nodes, n.logic.not, n.logic.condition, n.logic.then, n.logic.otherwise)
		nodes = append(append(append(nodes, n.logic.all...), n.logic.any...), n.logic.one...)
	}
	if n.object != nil {
		for _, dependency := range n.object.dependencies {
			nodes = append(nodes, dependency.schema)
		}
	}
	return nodes
}
