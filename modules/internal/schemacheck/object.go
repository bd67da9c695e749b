package schemacheck

import (
	"regexp"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/botgate/botgate/modules/internal/jsondoc"
)

// object holds the keywords for objects. Limits are -1 where there is none.
type object struct {
	least, most int
	// required is how many members are.
	required   int
	properties map[string]property
	patterns   []patternProperty
	// additional is for members that no property or pattern is for.
	additional   *node
	names        *node
	dependencies []dependency
	unknown      bool
}

// property is a member that is named in the schema.
type property struct {
	// schema is nil where the member is only required.
	schema   *node
	required bool
}

type patternProperty struct {
	pattern *regexp.Regexp
	schema  *node
}

// dependency is what goes for an object that has a member.
type dependency struct {
	member   string
	required []string
	schema   *node
}

func (c *compiler) object(s *jsonschema.Schema) *object {
	o := &object{
		least: orNone(s.MinProperties), most: orNone(s.MaxProperties),
		properties: make(map[string]property, len(s.Properties)), additional: c.additional(s.AdditionalProperties),
	}
	for name, schema := range s.Properties {
		o.properties[name] = property{schema: c.node(schema)}
	}
	for _, name := range s.Required {
		p := o.properties[name]
		if !p.required {
			o.required++
		}
		p.required = true
		o.properties[name] = p
	}
	c.patternProperties(o, s)
	c.dependencies(o, s)
	if s.DraftVersion > 4 {
		o.names = c.node(s.PropertyNames)
	}
	if o.least < 0 && o.most < 0 && len(o.properties) == 0 && o.patterns == nil && o.additional == nil &&
		o.names == nil && o.dependencies == nil && !o.unknown {
		return nil
	}
	return o
}

func (c *compiler) patternProperties(o *object, s *jsonschema.Schema) {
	for expression, schema := range s.PatternProperties {
		compiled := pattern(expression)
		o.unknown = o.unknown || compiled == nil
		o.patterns = append(o.patterns, patternProperty{pattern: compiled, schema: c.node(schema)})
	}
}

func (c *compiler) dependencies(o *object, s *jsonschema.Schema) {
	for member, dep := range s.Dependencies {
		required, _ := dep.([]string)
		schema, _ := dep.(*jsonschema.Schema)
		o.dependencies = append(o.dependencies, dependency{member: member, required: required, schema: c.node(schema)})
	}
	for member, required := range s.DependentRequired {
		o.dependencies = append(o.dependencies, dependency{member: member, required: required})
	}
	for member, schema := range s.DependentSchemas {
		o.dependencies = append(o.dependencies, dependency{member: member, schema: c.node(schema)})
	}
}

func (o *object) valid(c *check, v jsondoc.Value) bool {
	if !within(v.Len(), o.least, o.most) {
		return false
	}
	required := 0
	for name, value := range v.Members {
		p, ok := o.properties[string(c.string(name))]
		if p.required {
			required++
		}
		if p.schema != nil && !c.valid(p.schema, value) {
			return false
		}
		if !o.others(c, name, value, ok && p.schema != nil) || o.names != nil && !c.valid(o.names, name) {
			return false
		}
	}
	return required == o.required && o.depends(c, v)
}

// others checks a member by the patterns, and as an additional one where nothing else is for it.
func (o *object) others(c *check, name, value jsondoc.Value, evaluated bool) bool {
	for _, p := range o.patterns {
		if p.pattern.Match(c.string(name)) {
			evaluated = true
			if !c.valid(p.schema, value) {
				return false
			}
		}
	}
	return evaluated || o.additional == nil || c.valid(o.additional, value)
}

func (o *object) depends(c *check, v jsondoc.Value) bool {
	for _, d := range o.dependencies {
		if _, ok := v.Member(d.member); !ok {
			continue
		}
		for _, name := range d.required {
			if _, ok := v.Member(name); !ok {
				return false
			}
		}
		if d.schema != nil && !c.valid(d.schema, v) {
			return false
		}
	}
	return true
}
