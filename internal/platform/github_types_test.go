package platform_test

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

var update = flag.Bool("update", false, "write github_types.json")

// githubSchemas are in the npm package @octokit/webhooks-schemas; make test-deps fetches them.
const githubSchemas = "../../integration/node_modules/@octokit/webhooks-schemas/schema.json"

// githubSchema is what of a JSON Schema tells types apart.
type githubSchema struct {
	Ref          string `json:"$ref"`
	OneOf, AllOf []githubSchema
	Required     []string
	Properties   map[string]struct {
		Enum  []any
		Const any
	}
	Definitions map[string]githubSchema
}

type githubRow struct {
	Required, Members []string
	Actions           []string `json:",omitempty"`
}

// TestGitHubTypes finds the table to be that of the schemas. With -update it is written.
func TestGitHubTypes(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(githubSchemas)
	if os.IsNotExist(err) && os.Getenv("CI") != "true" {
		t.Skip("the schemas are not there: make test-deps fetches them with npm")
	}
	require.NoError(t, err)
	var root githubSchema
	require.NoError(t, json.Unmarshal(raw, &root))
	examples := githubExamples(t)
	var lines []string
	for _, event := range root.OneOf {
		name := strings.TrimPrefix(event.Ref, "#/definitions/")
		name = strings.TrimSuffix(strings.TrimSuffix(name, "_event"), "$event")
		kind := root.row(event)
		for _, example := range examples[name] {
			var members map[string]any
			require.NoError(t, json.Unmarshal(example, &members))
			kind.Required = slices.DeleteFunc(kind.Required, func(name string) bool { _, ok := members[name]; return !ok })
		}
		row, err := json.Marshal(kind)
		require.NoError(t, err)
		lines = append(lines, `"`+name+`": `+string(row))
	}
	slices.Sort(lines)
	made := "{\n" + strings.Join(lines, ",\n") + "\n}\n"
	if *update {
		require.NoError(t, os.WriteFile("github_types.json", []byte(made), 0o600))
	}
	kept, err := os.ReadFile("github_types.json")
	require.NoError(t, err)
	require.Equal(t, string(kept), made, "go test ./internal/platform -run TestGitHubTypes -update")
}

// row is what all actions of an event require, and what any of them may have.
func (root githubSchema) row(event githubSchema) githubRow {
	members, actions := map[string]bool{}, map[string]bool{}
	var required []string
	for i, variant := range root.variants(event) {
		all := root.whole(variant)
		if i == 0 {
			required = all.Required
		}
		required = slices.DeleteFunc(required, func(name string) bool { return !slices.Contains(all.Required, name) })
		for name, property := range all.Properties {
			members[name] = true
			if name == "action" {
				for _, action := range append(property.Enum, property.Const) {
					if text, ok := action.(string); ok {
						actions[text] = true
					}
				}
			}
		}
	}
	return githubRow{slices.Sorted(slices.Values(required)), slices.Sorted(maps.Keys(members)), slices.Sorted(maps.Keys(actions))}
}

func (root githubSchema) resolved(s githubSchema) githubSchema {
	if s.Ref != "" {
		return root.Definitions[strings.TrimPrefix(s.Ref, "#/definitions/")]
	}
	return s
}

func (root githubSchema) variants(s githubSchema) (all []githubSchema) {
	s = root.resolved(s)
	if s.OneOf == nil {
		return []githubSchema{s}
	}
	for _, one := range s.OneOf {
		all = append(all, root.variants(one)...)
	}
	return all
}

// whole adds what allOf adds.
func (root githubSchema) whole(s githubSchema) githubSchema {
	whole := githubSchema{Required: slices.Clone(s.Required), Properties: maps.Clone(s.Properties)}
	for _, part := range s.AllOf {
		if part = root.whole(root.resolved(part)); whole.Properties == nil {
			whole.Properties = part.Properties
		}
		for name, property := range part.Properties {
			if _, ok := whole.Properties[name]; !ok {
				whole.Properties[name] = property
			}
		}
		for _, name := range part.Required {
			if !slices.Contains(whole.Required, name) {
				whole.Required = append(whole.Required, name)
			}
		}
	}
	return whole
}

// githubExamples are real bodies by type.
func githubExamples(t *testing.T) map[string][]json.RawMessage {
	t.Helper()
	raw, err := os.ReadFile("../../integration/node_modules/@octokit/webhooks-examples/api.github.com/index.json")
	if os.IsNotExist(err) && os.Getenv("CI") != "true" {
		t.Skip("the payloads are not there: make test-deps fetches them with npm")
	}
	require.NoError(t, err)
	var events []struct {
		Name     string
		Examples []json.RawMessage
	}
	require.NoError(t, json.Unmarshal(raw, &events))
	examples := map[string][]json.RawMessage{}
	for _, e := range events {
		examples[e.Name] = e.Examples
	}
	return examples
}

// TestGitHubTypesOfRealBodies finds each example to be of its own type under its own header, and of no
// other one under any other header, but where GitHub itself makes no difference.
func TestGitHubTypesOfRealBodies(t *testing.T) {
	t.Parallel()
	examples := githubExamples(t)
	alike := map[string]string{"dependabot_alert": "secret_scanning_alert", "installation": "repository", "organization": "repository"}
	for name, bodies := range examples {
		for _, body := range bodies {
			require.Equal(t, "github."+name, githubTypeOf(t, name, body), "its own header")
			require.NotEqual(t, "github.frobnicate", githubTypeOf(t, "frobnicate", body), name)
			for other := range examples {
				got := githubTypeOf(t, other, body)
				if other == name || alike[name] == other || alike[other] == name {
					continue
				}
				require.Contains(t, []string{"github." + name, "github.event"}, got, "%s under the header %s", name, other)
			}
		}
	}
}

func TestGitHubTypesToCome(t *testing.T) {
	t.Parallel()
	const sender = `"sender":{"login":"o","id":1}`
	for body, types := range map[string][2]string{
		`{"ref":"refs/heads/main","commits":[],` + sender + `}`:         {"member", "event"},
		`{"action":"added","member":{},` + sender + `}`:                 {"push", "event"},
		`{"action":"frobnicated","issue":{},` + sender + `}`:            {"issues", "issues"},
		`{"action":"opened","issue":{},"frob":1,` + sender + `}`:        {"issues", "issues"},
		`{"action":"created","frob":{},"repository":{},` + sender + `}`: {"frob", "frob"},
		`{"repository":{"id":7},"sender":{"id":42}}`:                    {"push", "push"},
		`{"ref":"refs/heads/main","zen":"x",` + sender + `}`:            {"push", "push"},
		`{}`: {"push", "push"},
	} {
		require.Equal(t, "github."+types[1], githubTypeOf(t, types[0], []byte(body)), body)
	}
}

func githubTypeOf(t *testing.T, header string, body []byte) string {
	t.Helper()
	p, err := platform.New("github", map[string]string{"queue_ping": "on"})
	require.NoError(t, err)
	req := &platform.Request{Header: map[string][]string{"X-Github-Event": {header}, "X-Github-Delivery": {"d"}}, Body: body}
	return deliver(t, p, req, body).Events[0].Type
}
