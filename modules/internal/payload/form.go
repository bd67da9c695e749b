package payload

import (
	"bytes"
	"net/url"
)

// maxFormFields is how many fields of a form are looked at; platforms send one or a few.
const maxFormFields = 1000

// formField returns the one field of this name. Unlike [url.ParseQuery] it keeps nothing
// of the others, of which a hostile form may have many, and a field that occurs twice is
// an error: nobody can tell which of them others would look at.
func formField(form []byte, name string) ([]byte, error) {
	var field []byte
	found := false
	for range maxFormFields {
		pair, rest, more := bytes.Cut(form, []byte("&"))
		key, value, _ := bytes.Cut(pair, []byte("="))
		// Each character takes up to three when it is escaped.
		if len(key) <= 3*len(name) {
			unescaped, err := url.QueryUnescape(string(key))
			if err != nil || found && unescaped == name {
				return nil, errNotForm
			}
			if unescaped == name {
				text, err := url.QueryUnescape(string(value))
				if err != nil {
					return nil, errNotForm
				}
				field, found = []byte(text), true
			}
		}
		if !more {
			break
		}
		form = rest
	}
	if !found {
		return nil, errNotForm
	}
	return field, nil
}
