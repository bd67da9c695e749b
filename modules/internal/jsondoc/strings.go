package jsondoc

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// string reads a string, from its opening quote on.
func (p *parser) string() *Error {
	p.at++
	start, plain, ascii := p.at, true, true
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == '"':
			return p.closed(start, plain, ascii)
		case c == '\\':
			// What is escaped may be a quote; whether it may be at all is found out later.
			plain = false
			p.at++
		case c < ' ':
			return p.malformed("a string has a control character that is not escaped")
		case c >= utf8.RuneSelf:
			ascii = false
		}
		p.at++
	}
	p.at = len(p.text)
	return p.missing("a quote")
}

// closed adds the string between start and the current place, and steps over the closing quote.
func (p *parser) closed(start int, plain, ascii bool) *Error {
	raw := p.text[start:p.at]
	if !ascii && !utf8.Valid(raw) {
		p.at = start
		return p.malformed("a string is not valid UTF-8")
	}
	if !plain {
		if bad := badEscape(raw); bad >= 0 {
			p.at = start + bad
			return p.malformed("a string has an unknown escape sequence or control character")
		}
	}
	p.add(String, start, p.at, plain)
	p.at++
	return nil
}

// badEscape returns where an escape sequence is unknown, or -1.
func badEscape(raw []byte) int {
	for i := 0; i < len(raw); {
		size := 1
		if raw[i] == '\\' {
			if _, size = escape(raw[i:]); size == 0 {
				return i
			}
		}
		i += size
	}
	return -1
}

// unescape appends the text with its escape sequences resolved, which [badEscape] has nothing against.
func unescape(out, raw []byte) []byte {
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			i++
			continue
		}
		r, size := escape(raw[i:])
		out = utf8.AppendRune(out, r)
		i += size
	}
	return out
}

// escape resolves the escape sequence that the text begins with. The size is 0 where it is none.
func escape(raw []byte) (r rune, size int) {
	if simple := simpleEscape(raw[1]); simple != 0 {
		return rune(simple), 2
	}
	return unicodeEscape(raw)
}

func simpleEscape(c byte) byte {
	switch c {
	case '"', '\\', '/':
		return c
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return 0
}

// unicodeEscape reads a \u sequence, or two of them that are one character. Half of such
// a pair becomes U+FFFD, as in encoding/json. The size is 0 when there is no sequence.
func unicodeEscape(raw []byte) (rune, int) {
	r, ok := hex4(raw)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if low, ok := hex4(raw[6:]); ok {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

func hex4(raw []byte) (rune, bool) {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(raw[2:6]), 16, 16)
	return rune(n), err == nil
}
