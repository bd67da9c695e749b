package schema

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// maxQuoted is how much of a schema's own text, in bytes, a sentence repeats.
const maxQuoted = 200

// maxDigits is how long a number in a sentence may be before it gets an exponent.
const maxDigits = 24

// sentence says what to change. It is made of the schema's side of the error only: the
// library's own texts repeat values, which may be secrets.
func sentence(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		return "This must be of type " + strings.Join(k.Want, " or ") + ", not " + k.Got + "."
	case *kind.Enum:
		return oneOf(k.Want)
	case *kind.Const:
		return oneOf([]any{k.Want})
	case *kind.Pattern:
		return "This must match the pattern " + shorten(k.Want, "of the schema") + "."
	case *kind.Format:
		return "This is not a valid " + k.Want + "."
	case *kind.AnyOf:
		return "This matches none of the allowed forms."
	case *kind.OneOf:
		if len(k.Subschemas) > 0 {
			return "This matches more than one of forms that exclude each other."
		}
		return "This matches none of the allowed forms."
	case *kind.Not:
		return "This has a form that is not allowed."
	case *kind.Dependency:
		return needs(k.Prop, k.Missing)
	case *kind.DependentRequired:
		return needs(k.Prop, k.Missing)
	case *kind.PropertyNames:
		return "The name of a property is not allowed."
	case *kind.FalseSchema:
		return "This is not allowed here."
	}
	return boundSentence(k)
}

// boundSentence covers the keywords that set a bound.
func boundSentence(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.MinLength:
		return bound("least", k.Want, "character")
	case *kind.MaxLength:
		return bound("most", k.Want, "character")
	case *kind.MinItems:
		return bound("least", k.Want, "item")
	case *kind.MaxItems:
		return bound("most", k.Want, "item")
	case *kind.MinProperties:
		return bound("least", k.Want, "property")
	case *kind.MaxProperties:
		return bound("most", k.Want, "property")
	case *kind.AdditionalItems:
		return fmt.Sprintf("This has %d more items than are allowed.", k.Count)
	case *kind.UniqueItems:
		return fmt.Sprintf("The items %d and %d are equal.", k.Duplicates[0], k.Duplicates[1])
	case *kind.Contains:
		return "No item has the form that one must have."
	case *kind.MinContains:
		return fmt.Sprintf("Too few items have the form that at least %d must have.", k.Want)
	case *kind.MaxContains:
		return fmt.Sprintf("More than %d items have a form that no more may have.", k.Want)
	case *kind.Minimum:
		return "This must be at least " + number(k.Want) + "."
	case *kind.Maximum:
		return "This must be at most " + number(k.Want) + "."
	case *kind.ExclusiveMinimum:
		return "This must be more than " + number(k.Want) + "."
	case *kind.ExclusiveMaximum:
		return "This must be less than " + number(k.Want) + "."
	case *kind.MultipleOf:
		return "This must be a multiple of " + number(k.Want) + "."
	}
	return "This does not match the schema."
}

func oneOf(allowed []any) string {
	const unsaid = "This is none of the allowed values."
	texts := make([]string, len(allowed))
	for i, v := range allowed {
		var text strings.Builder
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(v); err != nil {
			return unsaid
		}
		texts[i] = strings.TrimSuffix(text.String(), "\n")
	}
	list := strings.Join(texts, ", ")
	switch {
	case len(list) > maxQuoted:
		return unsaid
	case len(allowed) == 1:
		return "This must be " + list + "."
	}
	return "This must be one of " + list + "."
}

func needs(property string, missing []string) string {
	quoted := make([]string, len(missing))
	for i, name := range missing {
		quoted[i] = quote(name)
	}
	return "With " + quote(property) + " there must also be " + shorten(strings.Join(quoted, ", "), "other properties") + "."
}

func bound(which string, n int, unit string) string {
	if n != 1 {
		unit = strings.Replace(unit+"s", "ys", "ies", 1)
	}
	return fmt.Sprintf("This must have at %s %d %s.", which, n, unit)
}

// number is as a person writes it, and exact where that is not too long.
func number(r *big.Rat) string {
	if digits, exact := r.FloatPrec(); exact {
		if text := r.FloatString(digits); len(text) <= maxDigits {
			return text
		}
	}
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func quote(name string) string { return strconv.Quote(shorten(name, "…")) }

func shorten(text, instead string) string {
	if len(text) > maxQuoted {
		return instead
	}
	return text
}
