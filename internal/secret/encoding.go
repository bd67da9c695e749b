package secret

import (
	"bytes"
	"encoding/binary"
	"errors"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	markUTF8    = "\xef\xbb\xbf"
	markUTF16LE = "\xff\xfe"
	markUTF16BE = "\xfe\xff"
)

var (
	errUTF16 = errors.New("it begins with the byte order mark of UTF-16 and is not UTF-16: write it as UTF-8")
	errNUL   = errors.New("it is text with NUL bytes, such as UTF-16 without a byte order mark: write it as UTF-8")
)

// Clean returns a secret as its owner means it: the text in UTF-8, without the byte order mark
// that Windows puts before it, and without blanks and line breaks at its end. UTF-16 is known by
// its mark. What is not text, such as 32 random bytes, is a key as it is.
func Clean(raw []byte) (cleaned []byte, err error) {
	switch {
	case bytes.HasPrefix(raw, []byte(markUTF16LE)):
		raw, err = fromUTF16(raw[len(markUTF16LE):], binary.LittleEndian)
	case bytes.HasPrefix(raw, []byte(markUTF16BE)):
		raw, err = fromUTF16(raw[len(markUTF16BE):], binary.BigEndian)
	default:
		raw = bytes.TrimPrefix(raw, []byte(markUTF8))
	}
	switch {
	case err != nil:
		return nil, err
	case !utf8.Valid(raw):
		return raw, nil
	case bytes.IndexByte(raw, 0) >= 0:
		return nil, errNUL
	}
	return bytes.TrimRight(raw, " \t\r\n"), nil
}

func fromUTF16(raw []byte, order binary.ByteOrder) ([]byte, error) {
	if len(raw)%2 != 0 {
		return nil, errUTF16
	}
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = order.Uint16(raw[2*i:])
	}
	text := string(utf16.Decode(units))
	// Half of a surrogate pair decodes to U+FFFD, which no secret has.
	if bytes.ContainsRune([]byte(text), utf8.RuneError) {
		return nil, errUTF16
	}
	return []byte(text), nil
}
