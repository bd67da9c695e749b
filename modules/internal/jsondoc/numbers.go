package jsondoc

import (
	"bytes"
	"strconv"
)

// number reads a number. It looks no further than a number may be long.
func (p *parser) number() *Error {
	start := p.at
	for p.at < len(p.text) && partOfNumber(p.text[p.at]) {
		if p.at++; p.at-start > p.limits.MaxNumber {
			return tooComplex("max_number", "This number has more than %d characters.", p.limits.MaxNumber)
		}
	}
	text := p.text[start:p.at]
	exponent, ok := numberParts(text)
	if !ok {
		p.at = start
		return p.malformed("a number has a form that JSON does not know")
	}
	if !usable(exponent) {
		return tooComplex("max_number", "The exponent of this number is beyond %d.", maxExponent)
	}
	p.extremes.MaxNumber = max(p.extremes.MaxNumber, len(text))
	p.add(Number, start, p.at, len(exponent) == 0 && bytes.IndexByte(text, '.') < 0)
	return nil
}

func usable(exponent []byte) bool {
	if len(exponent) == 0 {
		return true
	}
	e, err := strconv.Atoi(string(exponent))
	return err == nil && -maxExponent <= e && e <= maxExponent
}

func partOfNumber(c byte) bool {
	return '0' <= c && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}

// numberParts reports whether the text is a number (RFC 8259, section 6), and returns
// its exponent.
func numberParts(text []byte) (exponent []byte, ok bool) {
	if text[0] == '-' {
		text = text[1:]
	}
	whole := digits(text)
	if whole == 0 || whole > 1 && text[0] == '0' {
		return nil, false
	}
	if text = text[whole:]; len(text) > 0 && text[0] == '.' {
		fraction := digits(text[1:])
		if fraction == 0 {
			return nil, false
		}
		text = text[1+fraction:]
	}
	if len(text) == 0 {
		return nil, true
	}
	if text[0] != 'e' && text[0] != 'E' {
		return nil, false
	}
	exponent = text[1:]
	unsigned := exponent
	if len(unsigned) > 0 && (unsigned[0] == '-' || unsigned[0] == '+') {
		unsigned = unsigned[1:]
	}
	return exponent, len(unsigned) > 0 && digits(unsigned) == len(unsigned)
}

// digits returns how many digits the text begins with.
func digits(text []byte) int {
	for i, c := range text {
		if c < '0' || c > '9' {
			return i
		}
	}
	return len(text)
}
