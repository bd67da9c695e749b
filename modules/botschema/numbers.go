package botschema

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Limits of numbers. The validator computes with exact fractions, for which 1e999999 is
// a number of a million digits, and cannot do with larger exponents at all.
const (
	maxNumberLength = 64
	maxExponent     = 400
	numberDetail    = "This number is too long or its exponent too large."
)

// unusable returns where in a decoded document a number is that can't be computed
// with, innermost step first, and whether there is one.
func unusable(v any) (location []string, found bool) {
	switch v := v.(type) {
	case json.Number:
		return nil, !usable(string(v))
	case []any:
		for i, item := range v {
			if inner, found := unusable(item); found {
				return append(inner, strconv.Itoa(i)), true
			}
		}
	case map[string]any:
		for name, item := range v {
			if inner, found := unusable(item); found {
				return append(inner, name), true
			}
		}
	}
	return nil, false
}

func usable(number string) bool {
	if len(number) > maxNumberLength {
		return false
	}
	at := strings.IndexAny(number, "eE")
	if at < 0 {
		return true
	}
	exponent, err := strconv.Atoi(number[at+1:])
	return err == nil && -maxExponent <= exponent && exponent <= maxExponent
}
