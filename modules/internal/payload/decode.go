package payload

import (
	"bytes"
	"fmt"
	"strconv"
)

// DecodeJSON decodes one JSON document (RFC 8259) into what [encoding/json] makes of it
// with UseNumber: map[string]any, []any, json.Number, string, bool and nil. It is stricter:
// a member that occurs twice, invalid UTF-8, a byte order mark and whatever exceeds the
// limits are refused, with a [*DocumentError], as soon as they are met.
func DecodeJSON(text []byte, limits Limits) (any, error) {
	v, _, err := decodeJSON(text, limits.orDefaults())
	if err != nil {
		return nil, err
	}
	return v, nil
}

// decodeJSON also returns the extremes that the document has.
func decodeJSON(text []byte, limits Limits) (any, Limits, *DocumentError) {
	d := &decoder{text: text, limits: limits}
	if bytes.HasPrefix(text, []byte("\xef\xbb\xbf")) {
		return nil, Limits{}, d.malformed("a byte order mark must not come first")
	}
	v, err := d.value()
	if err == nil {
		if d.space(); d.at < len(text) {
			err = d.malformed("something follows the document")
		}
	}
	if err != nil {
		return nil, Limits{}, err.located()
	}
	return v, d.extremes, nil
}

// decoder reads a document in one pass.
type decoder struct {
	text     []byte
	at       int
	depth    int
	limits   Limits
	extremes Limits
	// items are those of the arrays that are not complete, outer ones first: an array is
	// made when its length is known.
	items []any
}

func (d *decoder) value() (any, *DocumentError) {
	d.space()
	switch d.peek() {
	case '{':
		return d.object()
	case '[':
		return d.array()
	case '"':
		return d.string()
	case 't':
		return true, d.literal("true")
	case 'f':
		return false, d.literal("false")
	case 'n':
		return nil, d.literal("null")
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return d.number()
	}
	return nil, d.missing("a value")
}

func (d *decoder) object() (any, *DocumentError) {
	if err := d.enter(); err != nil {
		return nil, err
	}
	members := make(map[string]any)
	for more := d.opened('}'); more; {
		name, err := d.name()
		if err != nil {
			return nil, err
		}
		if _, twice := members[name]; twice {
			return nil, d.malformed("a member occurs twice").within(name)
		}
		if len(members) == d.limits.MaxMembers {
			return nil, tooComplex("max_members", "This has more than %d members.", d.limits.MaxMembers)
		}
		v, err := d.value()
		if err != nil {
			return nil, err.within(name)
		}
		members[name] = v
		if more, err = d.more('}'); err != nil {
			return nil, err
		}
	}
	d.depth--
	d.extremes.MaxMembers = max(d.extremes.MaxMembers, len(members))
	return members, nil
}

// name reads a member's name and the colon after it.
func (d *decoder) name() (string, *DocumentError) {
	if d.space(); d.peek() != '"' {
		return "", d.missing("a member's name in quotes")
	}
	name, err := d.string()
	if err != nil {
		return "", err
	}
	if d.space(); d.peek() != ':' {
		return "", d.missing("a colon").within(name)
	}
	d.at++
	return name, nil
}

func (d *decoder) array() (any, *DocumentError) {
	if err := d.enter(); err != nil {
		return nil, err
	}
	start := len(d.items)
	for more := d.opened(']'); more; {
		position := len(d.items) - start
		if position == d.limits.MaxItems {
			return nil, tooComplex("max_items", "This has more than %d items.", d.limits.MaxItems)
		}
		v, err := d.value()
		if err != nil {
			return nil, err.within(strconv.Itoa(position))
		}
		d.items = append(d.items, v)
		if more, err = d.more(']'); err != nil {
			return nil, err
		}
	}
	d.depth--
	array := make([]any, len(d.items)-start)
	copy(array, d.items[start:])
	d.items = d.items[:start]
	d.extremes.MaxItems = max(d.extremes.MaxItems, len(array))
	return array, nil
}

func (d *decoder) enter() *DocumentError {
	if d.depth == d.limits.MaxDepth {
		return tooComplex("max_depth", "This is nested deeper than %d levels.", d.limits.MaxDepth)
	}
	d.depth++
	d.extremes.MaxDepth = max(d.extremes.MaxDepth, d.depth)
	return nil
}

// opened steps over the opening bracket, and reports whether anything comes before the
// closing one.
func (d *decoder) opened(closing byte) bool {
	d.at++
	if d.space(); d.peek() != closing {
		return true
	}
	d.at++
	return false
}

// more steps over a comma or the closing bracket, and reports whether it was a comma.
func (d *decoder) more(closing byte) (bool, *DocumentError) {
	d.space()
	switch d.peek() {
	case ',':
		d.at++
		return true, nil
	case closing:
		d.at++
		return false, nil
	}
	return false, d.missing("a comma or " + string(closing))
}

func (d *decoder) literal(word string) *DocumentError {
	if !bytes.HasPrefix(d.text[d.at:], []byte(word)) {
		return d.missing("a value")
	}
	d.at += len(word)
	return nil
}

func (d *decoder) space() {
	for d.at < len(d.text) {
		switch d.text[d.at] {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return
		}
	}
}

// peek returns the next byte, or 0, which is nowhere allowed, at the end.
func (d *decoder) peek() byte {
	if d.at < len(d.text) {
		return d.text[d.at]
	}
	return 0
}

// missing says what should stand at the current place.
func (d *decoder) missing(what string) *DocumentError {
	if d.at >= len(d.text) {
		return d.malformed("it ends where " + what + " should follow")
	}
	return d.malformed(what + " is missing")
}

func (d *decoder) malformed(why string) *DocumentError {
	return &DocumentError{Kind: ErrNotJSON, Detail: fmt.Sprintf("The body is not valid JSON: %s, at byte %d.", why, d.at+1)}
}

func tooComplex(option, format string, limit int) *DocumentError {
	return &DocumentError{Kind: ErrTooComplex, Option: option, Detail: fmt.Sprintf(format, limit)}
}
