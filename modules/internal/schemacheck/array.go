package schemacheck

import (
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/botgate/botgate/modules/internal/jsondoc"
)

// array holds the keywords for arrays. Limits are -1 where there is none.
type array struct {
	least, most int
	// first are the schemas of the first items, one each, and rest that of those that follow.
	first []*node
	rest  *node
	// contains is to be kept to by as many items.
	contains              *node
	leastFound, mostFound int
	// unique leaves to the library to compare items that are not all strings.
	unique *jsonschema.Schema
}

func (c *compiler) array(s *jsonschema.Schema) *array {
	a := &array{
		least: orNone(s.MinItems), most: orNone(s.MaxItems), contains: c.node(s.Contains),
		leastFound: 1, mostFound: orNone(s.MaxContains),
	}
	if s.MinContains != nil {
		a.leastFound = *s.MinContains
	}
	if s.UniqueItems {
		a.unique = &jsonschema.Schema{DraftVersion: s.DraftVersion, UniqueItems: true}
	}
	if s.DraftVersion >= 2020 {
		a.first, a.rest = c.list(s.PrefixItems), c.node(s.Items2020)
	} else {
		c.items(a, s)
	}
	if a.least < 0 && a.most < 0 && a.first == nil && a.rest == nil && a.contains == nil && a.unique == nil {
		return nil
	}
	return a
}

// items compiles "items" and "additionalItems" of the drafts up to 2019-09.
func (c *compiler) items(a *array, s *jsonschema.Schema) {
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		a.rest = c.node(items)
		return
	case []*jsonschema.Schema:
		a.first = c.list(items)
	}
	a.rest = c.additional(s.AdditionalItems)
}

// additional compiles a schema that may be true or false.
func (c *compiler) additional(v any) *node {
	switch v := v.(type) {
	case *jsonschema.Schema:
		return c.node(v)
	case bool:
		if !v {
			return &node{never: true}
		}
	}
	return nil
}

func (a *array) valid(c *check, v jsondoc.Value) bool {
	if !within(v.Len(), a.least, a.most) {
		return false
	}
	position, found := 0, 0
	for item := range v.Items {
		n := a.rest
		if position < len(a.first) {
			n = a.first[position]
		}
		if n != nil && !c.valid(n, item) {
			return false
		}
		if a.contains != nil && c.valid(a.contains, item) {
			found++
		}
		position++
	}
	if a.contains != nil && !within(found, a.leastFound, a.mostFound) {
		return false
	}
	return a.unique == nil || a.allDiffer(v)
}

func (a *array) allDiffer(v jsondoc.Value) bool {
	if v.Len() < 2 {
		return true
	}
	seen := make(map[string]struct{}, v.Len())
	for item := range v.Items {
		if item.Kind() != jsondoc.String {
			return a.unique.Validate(v.Decode()) == nil
		}
		seen[string(item.Text(nil))] = struct{}{}
	}
	return len(seen) == v.Len()
}
