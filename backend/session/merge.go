package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// MaxDepth bounds how deeply the objects and arrays of a document are nested.
const MaxDepth = 64

// mergePatch applies a patch to a document (RFC 7396). Both are valid JSON, whose nesting
// the caller has bounded; no document counts as an empty one. What the patch does not touch
// stays as it was written, so that numbers keep their digits.
func mergePatch(document, patch json.RawMessage) (json.RawMessage, error) {
	changes := members(patch)
	if changes == nil {
		return patch, nil
	}
	result := members(document)
	if result == nil {
		result = map[string]json.RawMessage{}
	}
	for name, change := range changes {
		if string(change) == "null" {
			delete(result, name)
			continue
		}
		merged, err := mergePatch(result[name], change)
		if err != nil {
			return nil, err
		}
		result[name] = merged
	}
	return encode(result)
}

// members returns the members of an object, or nil for another value.
func members(value json.RawMessage) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	if json.Unmarshal(value, &m) != nil {
		return nil
	}
	return m
}

func encode(members map[string]json.RawMessage) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // Text stays as it was written.
	if err := e.Encode(members); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// checkObject says whether data is a JSON object that can be kept: in UTF-8, without
// members that occur twice, and nested within bounds. Its errors are ErrDocument and
// ErrTooDeep.
func checkObject(data []byte) error {
	if !utf8.Valid(data) || !json.Valid(data) {
		return ErrDocument
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber() // Others need not fit into a float.
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return ErrDocument
	}
	return checkMembers(d, 1)
}

// checkMembers reads an object up to its end.
func checkMembers(d *json.Decoder, depth int) error {
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return errors.Join(ErrDocument, err)
		}
		if seen[name.(string)] {
			return ErrDocument
		}
		seen[name.(string)] = true
		if err := checkValue(d, depth); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// checkValue reads one value, which may be an object or an array.
func checkValue(d *json.Decoder, depth int) error {
	token, err := d.Token()
	if err != nil {
		return errors.Join(ErrDocument, err)
	}
	opening, nested := token.(json.Delim)
	switch {
	case !nested:
		return nil
	case depth == MaxDepth:
		return ErrTooDeep
	case opening == '{':
		return checkMembers(d, depth+1)
	}
	for d.More() {
		if err := checkValue(d, depth+1); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}
