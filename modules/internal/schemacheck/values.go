package schemacheck

import (
	"encoding/json"
	"math/big"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/botgate/botgate/modules/internal/jsondoc"
)

// values are what enum and const allow.
type values struct {
	texts   map[string]struct{}
	numbers []*bound
	others  kinds
	// unknown means that objects or arrays are among them.
	unknown bool
}

// valuesOf returns what both keywords allow, or nil without either.
func valuesOf(s *jsonschema.Schema) *values {
	switch {
	case s.Enum != nil && s.Const != nil:
		return &values{unknown: true}
	case s.Enum != nil:
		return setOf(s.Enum.Values)
	case s.Const != nil:
		return setOf([]any{*s.Const})
	}
	return nil
}

func setOf(list []any) *values {
	set := &values{texts: map[string]struct{}{}}
	for _, value := range list {
		switch value := value.(type) {
		case string:
			set.texts[value] = struct{}{}
		case json.Number:
			r, ok := new(big.Rat).SetString(string(value))
			if set.unknown = set.unknown || !ok; ok {
				set.numbers = append(set.numbers, boundOf(r))
			}
		case nil:
			set.others |= only(jsondoc.Null)
		case bool:
			if value {
				set.others |= only(jsondoc.True)
			} else {
				set.others |= only(jsondoc.False)
			}
		default:
			set.unknown = true
		}
	}
	return set
}

func (s *values) contain(c *check, v jsondoc.Value) bool {
	switch v.Kind() {
	case jsondoc.String:
		_, ok := s.texts[string(c.string(v))]
		return ok
	case jsondoc.Number:
		for _, number := range s.numbers {
			if compare(v, number) == 0 {
				return true
			}
		}
		return false
	default:
		return s.others&only(v.Kind()) != 0
	}
}
