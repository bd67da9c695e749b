package payload

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// string reads a string, from its opening quote on.
func (d *decoder) string() (string, *DocumentError) {
	d.at++
	start, plain, ascii := d.at, true, true
	for d.at < len(d.text) {
		switch c := d.text[d.at]; {
		case c == '"':
			return d.closed(start, plain, ascii)
		case c == '\\':
			// What is escaped may be a quote; whether it may be at all is found out later.
			plain = false
			d.at++
		case c < ' ':
			return "", d.malformed("a string has a control character that is not escaped")
		case c >= utf8.RuneSelf:
			ascii = false
		}
		d.at++
	}
	d.at = len(d.text)
	return "", d.missing("a quote")
}

// closed makes a string of what lies between start and the current place, and steps over
// the closing quote.
func (d *decoder) closed(start int, plain, ascii bool) (string, *DocumentError) {
	raw := d.text[start:d.at]
	if !ascii && !utf8.Valid(raw) {
		d.at = start
		return "", d.malformed("a string is not valid UTF-8")
	}
	if !plain {
		unescaped, bad := unescape(raw)
		if bad >= 0 {
			d.at = start + bad
			return "", d.malformed("a string has an unknown escape sequence or control character")
		}
		raw = unescaped
	}
	d.at++
	return string(raw), nil
}

// unescape resolves escape sequences. When it can't, it returns where; otherwise -1.
func unescape(raw []byte) ([]byte, int) {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			i++
			continue
		}
		if simple := simpleEscape(raw[i+1]); simple != 0 {
			out = append(out, simple)
			i += 2
			continue
		}
		r, size := unicodeEscape(raw[i:])
		if size == 0 {
			return nil, i
		}
		out = utf8.AppendRune(out, r)
		i += size
	}
	return out, -1
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
