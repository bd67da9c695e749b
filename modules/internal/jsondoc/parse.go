package jsondoc

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
)

// bytesPerToken is how many bytes a token takes in usual documents, and maxAhead how many tokens space is
// made for ahead: who sends much that is refused early must not cost much.
const (
	bytesPerToken = 10
	maxAhead      = 1024
)

// Parse reads one document. It is stricter than [encoding/json]: a member that occurs twice, invalid UTF-8,
// a byte order mark and whatever exceeds the limits are refused, with an [*Error], as soon as they are met.
func Parse(text []byte, limits Limits) (*Document, error) {
	d := &Document{text: text}
	names := namesPool.Get().(*[]name)
	p := &parser{Document: d, limits: limits.orDefaults(), names: (*names)[:0]}
	err := p.document()
	p.forget(0)
	if cap(p.names) <= maxNames {
		*names = p.names
		namesPool.Put(names)
	}
	if err != nil {
		return nil, err.located()
	}
	return d, nil
}

// parser reads a document in one pass.
type parser struct {
	*Document
	at     int
	depth  int
	limits Limits
	// names are the members of the objects that are not complete, outer ones first.
	names []name
}

func (p *parser) document() *Error {
	if bytes.HasPrefix(p.text, []byte("\xef\xbb\xbf")) {
		return p.malformed("a byte order mark must not come first")
	}
	if uint64(len(p.text)) > math.MaxUint32 {
		return p.malformed("it is longer than 4 GB")
	}
	p.tokens = make([]token, 0, min(len(p.text)/bytesPerToken+1, maxAhead))
	if err := p.value(); err != nil {
		return err
	}
	if p.space(); p.at < len(p.text) {
		return p.malformed("something follows the document")
	}
	return nil
}

func (p *parser) value() *Error {
	p.space()
	switch p.peek() {
	case '{':
		return p.container(Object, '}')
	case '[':
		return p.container(Array, ']')
	case '"':
		return p.string()
	case 't':
		return p.literal("true", True)
	case 'f':
		return p.literal("false", False)
	case 'n':
		return p.literal("null", Null)
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return p.number()
	}
	return p.missing("a value")
}

// container reads an object or array, from its opening bracket on.
func (p *parser) container(kind Kind, closing byte) *Error {
	if p.depth == p.limits.MaxDepth {
		return tooComplex("max_depth", "This is nested deeper than %d levels.", p.limits.MaxDepth)
	}
	p.depth++
	p.extremes.MaxDepth = max(p.extremes.MaxDepth, p.depth)
	opened := len(p.tokens)
	p.tokens = append(p.tokens, token{kind: kind})
	p.at++
	count := 0
	var err *Error
	switch p.space(); {
	case p.peek() == closing:
		p.at++
	case kind == Object:
		count, err = p.members()
	default:
		count, err = p.items()
	}
	if err != nil {
		return err
	}
	p.depth--
	p.tokens[opened].end, p.tokens[opened].next = uint32(count), uint32(len(p.tokens))
	return nil
}

// members reads the members of an object that has some, and the closing bracket.
func (p *parser) members() (count int, err *Error) {
	before := len(p.names)
	for more := true; more; count++ {
		at := len(p.tokens)
		if err := p.name(); err != nil {
			return 0, err
		}
		if !p.addName(before, uint32(at)) {
			return 0, p.malformed("a member occurs twice").within(p.nameAt(at))
		}
		if count == p.limits.MaxMembers {
			return 0, tooComplex("max_members", "This has more than %d members.", p.limits.MaxMembers)
		}
		if err := p.value(); err != nil {
			return 0, err.within(p.nameAt(at))
		}
		if more, err = p.more('}'); err != nil {
			return 0, err
		}
	}
	p.forget(before)
	p.extremes.MaxMembers = max(p.extremes.MaxMembers, count)
	return count, nil
}

// name reads a member's name and the colon after it.
func (p *parser) name() *Error {
	if p.space(); p.peek() != '"' {
		return p.missing("a member's name in quotes")
	}
	at := len(p.tokens)
	if err := p.string(); err != nil {
		return err
	}
	if p.space(); p.peek() != ':' {
		return p.missing("a colon").within(p.nameAt(at))
	}
	p.at++
	return nil
}

// items reads the items of an array that has some, and the closing bracket.
func (p *parser) items() (count int, err *Error) {
	for more := true; more; count++ {
		if count == p.limits.MaxItems {
			return 0, tooComplex("max_items", "This has more than %d items.", p.limits.MaxItems)
		}
		if err := p.value(); err != nil {
			return 0, err.within(strconv.Itoa(count))
		}
		if more, err = p.more(']'); err != nil {
			return 0, err
		}
	}
	p.extremes.MaxItems = max(p.extremes.MaxItems, count)
	return count, nil
}

// more steps over a comma or the closing bracket, and reports whether it was a comma.
func (p *parser) more(closing byte) (bool, *Error) {
	p.space()
	switch p.peek() {
	case ',':
		p.at++
		return true, nil
	case closing:
		p.at++
		return false, nil
	}
	return false, p.missing("a comma or " + string(closing))
}

func (p *parser) literal(word string, kind Kind) *Error {
	if !bytes.HasPrefix(p.text[p.at:], []byte(word)) {
		return p.missing("a value")
	}
	p.at += len(word)
	p.add(kind, 0, 0, true)
	return nil
}

// add appends a token that holds no others.
func (p *parser) add(kind Kind, start, end int, plain bool) {
	p.tokens = append(p.tokens, token{
		start: uint32(start), end: uint32(end), next: uint32(len(p.tokens) + 1), kind: kind, plain: plain,
	})
}

func (p *parser) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// peek returns the next byte, or 0, which is nowhere allowed, at the end.
func (p *parser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

// missing says what should stand at the current place.
func (p *parser) missing(what string) *Error {
	if p.at >= len(p.text) {
		return p.malformed("it ends where " + what + " should follow")
	}
	return p.malformed(what + " is missing")
}

func (p *parser) malformed(why string) *Error {
	return &Error{Kind: ErrNotJSON, Detail: fmt.Sprintf("The body is not valid JSON: %s, at byte %d.", why, p.at+1)}
}

func tooComplex(option, format string, limit int) *Error {
	return &Error{Kind: ErrTooComplex, Option: option, Detail: fmt.Sprintf(format, limit)}
}
