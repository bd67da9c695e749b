// Package openapipage renders an OpenAPI document as a page for people: HTML with its own style sheet and no script, so
// that it needs no exception from a strict Content-Security-Policy.
package openapipage

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
)

var (
	//go:embed page.html
	text string
	//go:embed page.css
	style string

	tmpl = template.Must(template.New("page").Parse(text))
)

// Policy is the Content-Security-Policy of the page: it lets it have its own style sheet and nothing else.
func Policy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; " +
		"form-action 'none'; frame-ancestors 'none'"
}

// Render returns the page of a document in YAML or JSON, which is expected to be right.
func Render(source []byte) ([]byte, error) {
	d, err := readDocument(source)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = tmpl.Execute(&out, map[string]any{
		"Style": template.CSS(style), //nolint:gosec // It is a file of this package.
		"Title": d.text("info", "title"), "Summary": d.text("info", "summary"), "Description": d.text("info", "description"),
		"Groups": d.groups(), "Schemas": d.schemas(),
	})
	if err != nil {
		return nil, fmt.Errorf("rendering the OpenAPI document: %w", err)
	}
	return out.Bytes(), nil
}

// operation is a method of a path.
type operation struct {
	ID, Method, Path, Summary, Description, Scope string
	Parameters, Answers                           []member
	Body                                          []part
}

// group are the operations with one tag.
type group struct {
	Name       string
	Operations []operation
}

// member is a member of a schema, a parameter, or an answer.
type member struct {
	Name, In, Description string
	Required              bool
	Type                  []part
}

// schema is a named schema; Type is what it is where it has no members.
type schema struct {
	Name, Description string
	Type              []part
	Members           []member
}

// part is a part of a type in words; Schema is the name of the schema that it links to.
type part struct{ Text, Schema string }

// groups are the operations by their tags, in the document's order of those.
func (d document) groups() (groups []group) {
	tags, _ := d["tags"].([]any)
	for _, tag := range tags {
		g := group{Name: textOf(tag, "name")}
		for _, path := range keys(d["paths"]) {
			item := at(d["paths"], path)
			for _, method := range []string{"get", "post", "put", "patch", "delete"} {
				if o := at(item, method); o != nil && tagged(o, g.Name) {
					g.Operations = append(g.Operations, d.operation(path, method, item, o))
				}
			}
		}
		groups = append(groups, g)
	}
	return groups
}

func (d document) operation(path, method string, item, o any) operation {
	p := operation{
		ID: textOf(o, "operationId"), Method: method, Path: path,
		Summary: textOf(o, "summary"), Description: textOf(o, "description"), Scope: scopeOf(cmp.Or(at(o, "security"), d["security"])),
		Body: d.content(at(o, "requestBody")),
	}
	for _, parameters := range []any{at(item, "parameters"), at(o, "parameters")} {
		list, _ := parameters.([]any)
		for _, entry := range list {
			p.Parameters = append(p.Parameters, d.parameter(d.resolve(entry)))
		}
	}
	for _, status := range keys(at(o, "responses")) {
		answer := d.resolve(at(at(o, "responses"), status))
		p.Answers = append(p.Answers, member{Name: status, Description: textOf(answer, "description"), Type: d.content(answer)})
	}
	return p
}

func (d document) parameter(of any) member {
	kind := at(of, "schema")
	return member{
		Name: textOf(of, "name"), In: textOf(of, "in"), Required: at(of, "required") == true, Type: d.typeOf(kind),
		Description: cmp.Or(textOf(of, "description"), textOf(d.resolve(kind), "description")),
	}
}

// content is what a body is, of its first media type.
func (d document) content(of any) []part {
	content := at(d.resolve(of), "content")
	for _, media := range keys(content) {
		parts := d.typeOf(at(at(content, media), "schema"))
		return append([]part{{Text: media + ": "}}, parts...)
	}
	return nil
}

// schemas are those that have names.
func (d document) schemas() (all []schema) {
	named := at(d["components"], "schemas")
	for _, name := range keys(named) {
		of := at(named, name)
		s := schema{Name: name, Description: textOf(of, "description"), Members: d.members(of, "")}
		if len(s.Members) == 0 {
			s.Type = d.typeOf(of)
		}
		all = append(all, s)
	}
	return all
}
