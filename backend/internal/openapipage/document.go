package openapipage

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// document is an OpenAPI document, as far as the page shows it.
type document map[string]any

func readDocument(source []byte) (document, error) {
	var d map[string]any // The type is that of the objects in it, too.
	if err := yaml.Unmarshal(source, &d); err != nil {
		return nil, fmt.Errorf("reading the OpenAPI document: %w", err)
	}
	return d, nil
}

// text is the text at the end of some names.
func (d document) text(names ...string) string {
	var value any = map[string]any(d)
	for _, name := range names {
		value = at(value, name)
	}
	text, _ := value.(string)
	return text
}

// resolve follows a reference within the document.
func (d document) resolve(value any) any {
	ref := textOf(value, "$ref")
	if ref == "" {
		return value
	}
	var found any = map[string]any(d)
	for name := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		found = at(found, name)
	}
	return found
}

// members are those of an object, with those of objects in it.
func (d document) members(schema any, prefix string) (all []member) {
	required, _ := at(schema, "required").([]any)
	for _, name := range keys(at(schema, "properties")) {
		of := at(at(schema, "properties"), name)
		m := member{
			Name: prefix + name, Required: slices.Contains(required, any(name)), Type: d.typeOf(of), Description: textOf(of, "description"),
		}
		all = append(all, m)
		if items := at(of, "items"); items != nil {
			all = append(all, d.members(items, m.Name+"[].")...)
		}
		all = append(all, d.members(of, m.Name+".")...)
	}
	return all
}

// typeOf says in words what a schema allows.
func (d document) typeOf(schema any) []part {
	if ref := textOf(schema, "$ref"); ref != "" {
		name := ref[strings.LastIndex(ref, "/")+1:]
		return []part{{Text: name, Schema: name}}
	}
	for _, name := range []string{"anyOf", "oneOf"} {
		if choices, ok := at(schema, name).([]any); ok {
			var parts []part
			for n, choice := range choices {
				if n > 0 {
					parts = append(parts, part{Text: " or "})
				}
				parts = append(parts, d.typeOf(choice)...)
			}
			return parts
		}
	}
	if value := at(schema, "const"); value != nil {
		return []part{{Text: inJSON(value)}}
	}
	if values, ok := at(schema, "enum").([]any); ok {
		texts := make([]string, len(values))
		for n, value := range values {
			texts[n] = inJSON(value)
		}
		return []part{{Text: strings.Join(texts, ", ")}}
	}
	if items := at(schema, "items"); items != nil {
		return append([]part{{Text: "array of "}}, d.typeOf(items)...)
	}
	if values, ok := at(schema, "additionalProperties").(map[string]any); ok {
		return append([]part{{Text: "object of "}}, d.typeOf(values)...)
	}
	return []part{{Text: plainType(schema)}}
}

// plainType is the type of a schema with its form and its bounds.
func plainType(schema any) string {
	text := "anything"
	switch kind := at(schema, "type").(type) {
	case string:
		text = kind
	case []any:
		text = strings.Trim(fmt.Sprint(kind), "[]")
	}
	for _, name := range []string{"format", "contentEncoding"} {
		if form := textOf(schema, name); form != "" {
			text += " (" + form + ")"
		}
	}
	for _, name := range []string{"minimum", "maximum", "minLength", "maxLength", "default"} {
		if value := at(schema, name); value != nil {
			text += ", " + name + " " + inJSON(value)
		}
	}
	return text
}

// scopeOf is what a token needs; empty for everybody.
func scopeOf(security any) string {
	list, _ := security.([]any)
	for _, entry := range list {
		if scopes, ok := at(entry, "token").([]any); ok && len(scopes) > 0 {
			return fmt.Sprint(scopes[0])
		}
	}
	return ""
}

func tagged(operation any, tag string) bool {
	tags, _ := at(operation, "tags").([]any)
	return slices.Contains(tags, any(tag))
}

// at is a member of an object, nil where there is none.
func at(value any, name string) any {
	object, _ := value.(map[string]any)
	return object[name]
}

func textOf(value any, name string) string {
	text, _ := at(value, name).(string)
	return text
}

// keys are the names of an object's members, in alphabetical order.
func keys(value any) []string {
	object, _ := value.(map[string]any)
	return slices.Sorted(maps.Keys(object))
}

func inJSON(value any) string {
	text, _ := json.Marshal(value) // It came out of a document.
	return string(text)
}
