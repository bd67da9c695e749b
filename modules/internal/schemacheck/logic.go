package schemacheck

import (
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/botgate/botgate/modules/internal/jsondoc"
)

// logic holds the keywords that combine schemas for the same value.
type logic struct {
	not, condition, then, otherwise *node
	all, any, one                   []*node
}

func (c *compiler) logic(s *jsonschema.Schema) *logic {
	l := &logic{
		not: c.node(s.Not), condition: c.node(s.If), then: c.node(s.Then), otherwise: c.node(s.Else),
		all: c.list(s.AllOf), any: c.list(s.AnyOf), one: c.list(s.OneOf),
	}
	if l.not == nil && l.condition == nil && l.all == nil && l.any == nil && l.one == nil {
		return nil
	}
	return l
}

func (l *logic) valid(c *check, v jsondoc.Value) bool {
	if l.not != nil && c.valid(l.not, v) {
		return false
	}
	return c.all(l.all, v) && (l.any == nil || c.count(l.any, v, 1) == 1) &&
		(l.one == nil || c.count(l.one, v, 2) == 1) && l.branch(c, v)
}

// branch checks the branch that the condition selects.
func (l *logic) branch(c *check, v jsondoc.Value) bool {
	if l.condition == nil {
		return true
	}
	branch := l.otherwise
	if c.valid(l.condition, v) {
		branch = l.then
	}
	return branch == nil || c.valid(branch, v)
}

// count returns to how many of the schemas a value keeps. It counts no further than enough.
func (c *check) count(nodes []*node, v jsondoc.Value, enough int) int {
	count := 0
	for _, n := range nodes {
		if c.valid(n, v) {
			if count++; count == enough {
				break
			}
		}
	}
	return count
}
