package schemacheck

import (
	"math/big"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/botgate/botgate/modules/internal/jsondoc"
)

// kinds is a set of types. The empty one allows all.
type kinds uint16

// whole is the type integer: a number without a fraction, however it is written.
const whole kinds = 1 << 15

func kindsOf(types *jsonschema.Types) kinds {
	if types == nil {
		return 0
	}
	var set kinds
	names := types.ToStrings()
	for name, allowed := range map[string]kinds{
		"null": only(jsondoc.Null), "boolean": only(jsondoc.False) | only(jsondoc.True), "number": only(jsondoc.Number),
		"integer": whole, "string": only(jsondoc.String), "array": only(jsondoc.Array), "object": only(jsondoc.Object),
	} {
		if slices.Contains(names, name) {
			set |= allowed
		}
	}
	return set
}

func only(kind jsondoc.Kind) kinds { return 1 << kind }

func (k kinds) allow(v jsondoc.Value) bool {
	if k == 0 || k&only(v.Kind()) != 0 {
		return true
	}
	return k&whole != 0 && v.Kind() == jsondoc.Number && (v.Plain() || exact(v).IsInt())
}

// exact returns a number as a fraction. That a number can be one, [jsondoc.Limits] see to.
func exact(v jsondoc.Value) *big.Rat {
	r, _ := new(big.Rat).SetString(string(v.Raw()))
	return r
}
