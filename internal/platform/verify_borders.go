package platform

import (
	"bytes"
	"slices"
)

// A signature covers the joined parts and not the borders between them. Whoever can move a border has
// another request under the same signature: `ab` and `c` for `a` and `bc`. So each template has to be
// one that can be cut in one way only, and each request has to keep to it:
//
//   - a timestamp has a length of its own, and the method is always POST;
//   - any other value ends where the text after it begins, and must not have that text in it;
//   - an address may also stand right before the body, and an id before a timestamp that does, if the
//     body begins with { or [ and neither of these is in them.

// open reports whether only what is beside a value tells where it ends.
func (p templatePart) open() bool {
	switch p.variable {
	case "", "body", "timestamp", "method":
		return false
	}
	return true
}

func (p templatePart) isAddress() bool {
	return p.variable == "url" || p.variable == "uri" || p.variable == "path"
}

// body returns where the body is in the template; it fails unless there is one.
func (t template) body() int {
	return slices.IndexFunc(t, func(part templatePart) bool { return part.variable == "body" })
}

// checkBorders refuses a template that can be cut in more than one way, whatever the request.
func (t template) checkBorders(o *options) {
	at := t.body()
	for _, run := range t.runs() {
		first := -1
		for i := run[0]; i < run[1]; i++ {
			if !t[i].open() {
				continue
			}
			if first >= 0 {
				o.failBorder(t[first], t[i])
			}
			first = i
		}
		switch touches := run[0] <= at && at < run[1]; {
		case !touches || first < 0:
		case first > at:
			o.failBorder(t[at], t[first])
		case first == at-1 && !t[first].isAddress():
			o.failBorder(t[first], t[at])
		}
	}
}

func (o *options) failBorder(left, right templatePart) {
	o.fail("option signed: there is no text between {%s} and {%s}, so bytes could be moved from one to the other"+
		" under the same signature; put the sender's separator there", left.variable, right.variable)
}

// runs are the ranges of variables that follow one another without a text between them.
func (t template) runs() (runs [][2]int) {
	for i, part := range t {
		switch {
		case part.variable == "":
		case i > 0 && t[i-1].variable != "":
			runs[len(runs)-1][1] = i + 1
		default:
			runs = append(runs, [2]int{i, i + 1})
		}
	}
	return runs
}

// hold reports whether the pieces, which are those of the template, can be cut as they are only.
func (t template) hold(pieces [][]byte) bool {
	at := t.body()
	var value []byte
	for i := range at {
		switch part := t[i]; {
		case part.open():
			value = part.free(pieces[i])
		case part.variable == "" && value != nil:
			if bytes.Index(slices.Concat(value, part.text), part.text) != len(value) {
				return false
			}
			value = nil
		}
	}
	if value != nil && (bytes.ContainsAny(value, "{[") || !bytes.ContainsAny(pieces[at][:min(1, len(pieces[at]))], "{[")) {
		return false
	}
	value = nil
	for i := len(t) - 1; i > at; i-- {
		switch part := t[i]; {
		case part.open():
			value = part.free(pieces[i])
		case part.variable == "" && value != nil:
			if bytes.LastIndex(slices.Concat(part.text, value), part.text) != 0 {
				return false
			}
			value = nil
		}
	}
	return true
}

// free is what of a value the request can choose: the host of an address ends at a slash anyway.
func (p templatePart) free(value []byte) []byte {
	if p.variable == "url" {
		return []byte(requestURI(string(value)))
	}
	if value == nil {
		return []byte{}
	}
	return value
}
