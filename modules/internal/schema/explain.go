package schema

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// explain makes the library's error fit for the operator: in one line, without the
// made-up address, and with the place. For a schema that is no schema it is the first
// violation instead of a tree of them.
func (c *compiler) explain(err error) error {
	var invalid *jsonschema.SchemaValidationError
	var violation *jsonschema.ValidationError
	if errors.As(err, &invalid) && errors.As(invalid.Err, &violation) {
		file, pointer, _ := strings.Cut(invalid.URL, "#")
		first := violations(violation, 1)[0]
		return fmt.Errorf("%s#%s: keyword %s: %s", fileOf(file), fileOf(pointer)+first.Pointer, first.Keyword, first.Detail)
	}
	text := strings.Join(strings.Fields(strings.ReplaceAll(err.Error(), base, "")), " ")
	if place := c.folder.reference(target(err)); place != "" {
		return fmt.Errorf("%s: %s", place, text)
	}
	return errors.New(text)
}

// target returns the address that could not be reached, if that is the error.
func target(err error) string {
	var load *jsonschema.LoadURLError
	var pointer *jsonschema.JSONPointerNotFoundError
	var anchor *jsonschema.AnchorNotFoundError
	switch {
	case errors.As(err, &load):
		return load.URL
	case errors.As(err, &pointer):
		return pointer.URL
	case errors.As(err, &anchor):
		return anchor.Reference
	}
	return ""
}

// fileOf returns the path in an address, with or without the made-up base.
func fileOf(address string) string {
	path := strings.TrimPrefix(address, base)
	if plain, err := url.PathUnescape(path); err == nil {
		return plain
	}
	return path
}

// reference returns the place of a keyword that refers to the address, as file#pointer,
// or "" when none is found in the files that were read.
func (f *folder) reference(address string) string {
	if address == "" {
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(f.docs)) {
		from := &url.URL{Scheme: "schemas", Path: "/" + name}
		if location := findReference(f.docs[name], from, address); location != nil {
			return name + "#" + pointerTo(location)
		}
	}
	return ""
}

func findReference(v any, from *url.URL, address string) []string {
	switch v := v.(type) {
	case map[string]any:
		if id, ok := v["$id"].(string); ok {
			from = resolve(from, id)
		}
		for _, keyword := range []string{"$ref", "$dynamicRef", "$recursiveRef", "$schema"} {
			if to, ok := v[keyword].(string); ok && refersTo(resolve(from, to), address) {
				return []string{keyword}
			}
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if inner := findReference(v[name], from, address); inner != nil {
				return append([]string{name}, inner...)
			}
		}
	case []any:
		for i, item := range v {
			if inner := findReference(item, from, address); inner != nil {
				return append([]string{fmt.Sprint(i)}, inner...)
			}
		}
	}
	return nil
}

func resolve(from *url.URL, to string) *url.URL {
	parsed, err := url.Parse(to)
	if err != nil {
		return from
	}
	return from.ResolveReference(parsed)
}

// refersTo compares without a fragment where the address has none.
func refersTo(to *url.URL, address string) bool {
	wanted, err := url.Parse(address)
	if err != nil || wanted.Fragment != "" && wanted.Fragment != to.Fragment {
		return false
	}
	file, _, _ := strings.Cut(to.String(), "#")
	wantedFile, _, _ := strings.Cut(address, "#")
	return file == wantedFile
}
