package platform

import (
	"strings"
)

// template says what is signed: texts and variables by turns.
type template []templatePart

// templatePart is a text, or the name of a variable.
type templatePart struct {
	text     []byte
	variable string
}

// caddyNames are what a Caddyfile makes of these variables.
var caddyNames = map[string]string{
	"http.request.method": "method", "http.request.uri": "uri", "http.request.uri.path": "path",
}

const headerVariable = "header."

// parseTemplate reads texts with {body}, {timestamp}, {id}, {method}, {url}, {uri}, {path}
// and {header.<Name>}.
func parseTemplate(o *options, raw string) template {
	var parsed template
	for raw != "" {
		before, rest, found := strings.Cut(raw, "{")
		if before != "" {
			parsed = append(parsed, templatePart{text: []byte(before)})
		}
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			o.fail("option signed: a { is not closed")
			break
		}
		name = strings.TrimPrefix(name, "http.request."+headerVariable)
		if len(name) != len(rest)-len(after)-1 {
			name = headerVariable + name
		}
		if short, ok := caddyNames[name]; ok {
			name = short
		}
		switch name {
		case "body", "timestamp", "id", "method", "url", "uri", "path":
		default:
			if !strings.HasPrefix(name, headerVariable) || name == headerVariable {
				o.fail("option signed: there is no variable {%s}; there are body, timestamp, id, method, url, uri, path"+
					" and header.<Name>", name)
			}
		}
		parsed = append(parsed, templatePart{variable: name})
		raw = after
	}
	return parsed
}

func (t template) has(variable string) bool { return t.count(variable) > 0 }

func (t template) count(variable string) (n int) {
	for _, part := range t {
		if part.variable == variable {
			n++
		}
	}
	return n
}

// signedValues are those of the variables that a request has not in one place.
type signedValues struct{ timestamp, id, url string }

// fill returns the pieces of what is signed; the body is not copied.
func (t template) fill(req *Request, values signedValues) [][]byte {
	pieces := make([][]byte, len(t))
	for i, part := range t {
		switch part.variable {
		case "":
			pieces[i] = part.text
		case "body":
			pieces[i] = req.Body
		case "timestamp":
			pieces[i] = []byte(values.timestamp)
		case "id":
			pieces[i] = []byte(values.id)
		case "method":
			pieces[i] = []byte(req.Method)
		case "url":
			pieces[i] = []byte(values.url)
		case "uri":
			pieces[i] = []byte(requestURI(values.url))
		case "path":
			path, _, _ := strings.Cut(requestURI(values.url), "?")
			pieces[i] = []byte(path)
		default:
			pieces[i] = []byte(req.Header.Get(strings.TrimPrefix(part.variable, headerVariable)))
		}
	}
	return pieces
}
