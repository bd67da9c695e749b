package platform

import (
	_ "embed"
	"encoding/json"
	"iter"
	"maps"
	"slices"
)

// githubTypesJSON is made of the schemas and examples that GitHub's SDK publishes, see TestGitHubTypes.
//
//go:embed github_types.json
var githubTypesJSON []byte

// githubType is what the bodies of one type have.
type githubType struct {
	// Required are the members that each has, and Members all that one may have. The schemas require more
	// than GitHub always sends; what an example lacks is not required.
	Required, Members []string
	// Actions are the values of the member action; nil without one, and where it may have any.
	Actions []string `json:",omitempty"`
}

var (
	githubTypes = readGitHubTypes()
	// githubMembers are those of any type.
	githubMembers = membersOf(maps.Values(githubTypes))
	// githubCommon are members that any type may come to have.
	githubCommon = []string{"action", "repository", "sender", "organization", "installation", "enterprise"}
	// githubEqual are the types whose bodies say only that something was done to something, without a
	// time or a new id: done twice, they are equal by themselves.
	githubEqual = []string{
		"custom_property", "custom_property_values", "github_app_authorization", "installation_repositories",
		"installation_target", "label", "member", "membership", "org_block", "organization", "repository_dispatch",
		"repository_import", "sponsorship", "team", "team_add", "workflow_dispatch",
	}
)

func readGitHubTypes() map[string]githubType {
	var types map[string]githubType
	if err := json.Unmarshal(githubTypesJSON, &types); err != nil {
		panic(err) // A test reads it.
	}
	return types
}

func membersOf(types iter.Seq[githubType]) map[string]bool {
	all := map[string]bool{}
	for t := range types {
		for _, name := range t.Members {
			all[name] = true
		}
	}
	return all
}

// githubBody is what tells the type of a body.
type githubBody struct {
	names  map[string]bool
	action string
	// real bodies say more of a sender than an id; a sketch fits nothing as a whole.
	real bool
}

func newGitHubBody(document []byte) githubBody {
	b := githubBody{names: map[string]bool{}, real: true}
	for quoted, value := range entries(document) {
		switch name := unquote(quoted); name {
		case "action":
			b.action = text(value)
			b.names[name] = true
		case "sender":
			b.real = field(value, "login") != ""
			b.names[name] = true
		default:
			b.names[name] = true
		}
	}
	return b
}

// foreign reports whether the body has a member of other types that none of this type has.
func (b githubBody) foreign(t githubType) bool {
	for name := range b.names {
		if githubMembers[name] && !slices.Contains(t.Members, name) && !slices.Contains(githubCommon, name) {
			return true
		}
	}
	return false
}

// contradicts reports whether the body has what is foreign to the type, and nothing that is its own.
func (b githubBody) contradicts(t githubType) bool {
	own := slices.DeleteFunc(slices.Clone(t.Required), func(name string) bool { return slices.Contains(githubCommon, name) })
	return len(own) > 0 && b.foreign(t) && !slices.ContainsFunc(own, func(name string) bool { return b.names[name] })
}

// fits reports whether the body is all that one of the type is.
func (b githubBody) fits(t githubType) bool {
	lacks := func(name string) bool { return !b.names[name] }
	acts := slices.Contains(t.Actions, b.action)
	if t.Actions == nil {
		acts = b.names["action"] == slices.Contains(t.Members, "action")
	}
	return b.real && acts && !b.foreign(t) && !slices.ContainsFunc(t.Required, lacks)
}

// known reports whether the body has nothing that the type is not known to have.
func (b githubBody) known(t githubType) bool {
	for name := range b.names {
		if !slices.Contains(t.Members, name) {
			return false
		}
	}
	return true
}

// githubTypeOf is the type of a body. The header decides, which nobody signs, as long as the body does
// not contradict: then it is the one type that the body fits, or "event". A type or a member that
// GitHub adds contradicts nothing. fits says that the body is all that one of the type is.
func githubTypeOf(header string, document []byte) (name string, fits bool) {
	b := newGitHubBody(document)
	said, listed := githubTypes[header]
	if listed && b.fits(said) {
		return header, true
	}
	var others []string
	for other, t := range githubTypes {
		if b.fits(t) && (listed || b.known(t)) {
			others = append(others, other)
		}
	}
	switch {
	case len(others) == 1:
		return others[0], true
	case len(others) > 1, listed && b.contradicts(said):
		return "event", false
	}
	return header, false
}
