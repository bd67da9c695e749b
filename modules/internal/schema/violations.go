package schema

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/modules/internal/jsonpointer"
)

// violations lists what is wrong, at most limit of it, sorted, since the validator visits
// properties in random order.
func violations(err *jsonschema.ValidationError, limit int) []problem.FieldError {
	leaves := appendLeaves(nil, err)
	slices.SortFunc(leaves, func(a, b *jsonschema.ValidationError) int {
		return cmp.Or(slices.Compare(a.InstanceLocation, b.InstanceLocation), cmp.Compare(keyword(a), keyword(b)))
	})
	listed := make([]problem.FieldError, 0, min(len(leaves), limit))
	for _, leaf := range leaves {
		listed = appendErrors(listed, leaf, limit)
		if len(listed) >= limit {
			listed = listed[:limit]
			break
		}
	}
	slices.SortStableFunc(listed, func(a, b problem.FieldError) int { return cmp.Compare(a.Pointer, b.Pointer) })
	return listed
}

// appendLeaves collects the errors that say something: not the ones that only hold
// others, nor those of alternatives that were never meant.
func appendLeaves(leaves []*jsonschema.ValidationError, err *jsonschema.ValidationError) []*jsonschema.ValidationError {
	var inner []*jsonschema.ValidationError
	switch err.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf:
		inner = likeliest(err)
	default:
		if wraps(err.ErrorKind) {
			inner = err.Causes
		}
	}
	if len(inner) == 0 {
		return append(leaves, err)
	}
	for _, cause := range inner {
		leaves = appendLeaves(leaves, cause)
	}
	return leaves
}

// wraps reports whether an error of this kind says nothing that its causes do not.
func wraps(k jsonschema.ErrorKind) bool {
	switch k.(type) {
	case *kind.Schema, *kind.Group, *kind.Reference, *kind.AllOf:
		return true
	}
	return false
}

// likeliest returns the errors of the alternative that the sender meant, if only one
// is possible: the others are for another type, or another constant in a property.
func likeliest(err *jsonschema.ValidationError) []*jsonschema.ValidationError {
	var plausible []*jsonschema.ValidationError
	for _, branch := range err.Causes {
		if plausibleAt(branch, len(err.InstanceLocation)) {
			plausible = append(plausible, branch)
		}
	}
	if len(plausible) != 1 {
		return nil
	}
	return plausible
}

// plausibleAt does not look into alternatives within the alternative: looking at every
// depth from every depth would take exponential time.
func plausibleAt(err *jsonschema.ValidationError, depth int) bool {
	switch err.ErrorKind.(type) {
	case *kind.Type:
		return len(err.InstanceLocation) != depth
	case *kind.Const:
		return len(err.InstanceLocation) != depth+1
	}
	if !wraps(err.ErrorKind) {
		return true
	}
	return !slices.ContainsFunc(err.Causes, func(e *jsonschema.ValidationError) bool { return !plausibleAt(e, depth) })
}

// appendErrors renders one error; the ones about several properties become one each.
func appendErrors(listed []problem.FieldError, err *jsonschema.ValidationError, limit int) []problem.FieldError {
	at := func(detail string, location ...string) {
		listed = append(listed, problem.FieldError{Pointer: jsonpointer.Format(location), Keyword: keyword(err), Detail: detail})
	}
	here := err.InstanceLocation
	switch k := err.ErrorKind.(type) {
	case *kind.Required:
		for _, name := range k.Missing[:min(len(k.Missing), limit)] {
			at("The property "+quote(name)+" is missing.", here...)
		}
	case *kind.AdditionalProperties:
		slices.Sort(k.Properties)
		for _, name := range k.Properties[:min(len(k.Properties), limit)] {
			at("This property is not known here.", append(slices.Clone(here), name)...)
		}
	default:
		at(sentence(err.ErrorKind), here...)
	}
	return listed
}

// keyword names the keyword of the schema that was violated.
func keyword(err *jsonschema.ValidationError) string {
	if keywords := err.ErrorKind.KeywordPath(); len(keywords) > 0 {
		return keywords[0]
	}
	if _, ok := err.ErrorKind.(*kind.Not); ok {
		return "not"
	}
	// What "false" forbids is told by the keyword that holds it.
	if last := path.Base(err.SchemaURL); strings.HasPrefix(last, "unevaluated") {
		return last
	}
	return "false"
}
