package order_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/stretchr/testify/require"

	_ "github.com/botgate/botgate/modules"
	"github.com/botgate/botgate/modules/internal/order"
)

// snippets are what the cases need not repeat.
const snippets = `
(jwt) {
	bot_jwt {
		key HS256 file jwt.secret
	}
}
(signed) {
	bot_signature github {
		secret_file github.secret
	}
}
(take) {
	bot_enqueue {
		bot demo
	}
}
(api) {
	reverse_proxy 127.0.0.1:8081
}
`

// httpOf is the JSON of the app http that a Caddyfile becomes.
func httpOf(t testing.TB, caddyfile string) json.RawMessage {
	t.Helper()
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), nil)
	require.NoError(t, err, caddyfile)
	var config struct {
		Apps map[string]json.RawMessage `json:"apps"`
	}
	require.NoError(t, json.Unmarshal(adapted, &config))
	return config.Apps["http"]
}

// TestFindings checks the cases of the files: a title and a Caddyfile, and after a line of dashes what is found, a
// line each.
func TestFindings(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		for one := range strings.SplitSeq(string(content), "\n==========\n") {
			config, want, ok := strings.Cut(one, "\n----------\n")
			require.True(t, ok, one)
			title, config, _ := strings.Cut(strings.TrimSpace(config), "\n")
			t.Run(filepath.Base(file)+"/"+title, func(t *testing.T) {
				t.Parallel()
				if !strings.Contains(config, "localhost:") && !strings.Contains(config, ".example {") {
					config = ":8080 {\n" + config + "\n}\n"
				}
				requireFindings(t, order.Check(order.Config{
					HTTP: httpOf(t, snippets+config), Backends: []string{"127.0.0.1:8081"},
				}), strings.TrimSpace(want))
			})
		}
	}
}

// requireFindings compares what is found with lines of "error" or "warning", and a part of the text.
func requireFindings(t *testing.T, found []order.Finding, want string) {
	t.Helper()
	var lines []string
	for _, f := range found {
		level := "warning "
		if f.Fatal {
			level = "error "
		}
		lines = append(lines, level+f.String())
	}
	got := strings.Join(lines, "\n")
	if want == "nothing" {
		require.Empty(t, got)
		return
	}
	expected := strings.Split(want, "\n")
	require.Len(t, lines, len(expected), got)
	for i, part := range expected {
		level, text, _ := strings.Cut(part, " ")
		require.True(t, strings.HasPrefix(lines[i], level+" "), got)
		require.Contains(t, lines[i], text)
	}
}

// TestShippedCaddyfile finds nothing in the shipped file.
func TestShippedCaddyfile(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../../../Caddyfile")
	require.NoError(t, err)
	require.Empty(t, order.Check(order.Config{HTTP: httpOf(t, string(content)), Backends: []string{"127.0.0.1:8081"}}))
}

// FuzzCheck walks whatever is given as a configuration, to an end.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `[]`, `{"servers":{"a":null}}`,
		`{"servers":{"a":{"routes":[{"handle":[{"handler":"invoke","name":"a"}]}],"named_routes":{"a":{"handle":[{"handler":"invoke","name":"b"},
			{"handler":"invoke","name":"b"}]},"b":{"handle":[{"handler":"invoke","name":"a"},{"handler":"bot_enqueue"}]}}}}}`,
		`{"servers":{"a":{"routes":[{"group":"g","match":[{"path":["/v1/*"]},{"not":[{"path":[""]}]}],"handle":[{"handler":"bot_jwt"}]},
			{"group":"g","handle":[{"handler":"subroute","routes":[{"handle":[{"handler":"reverse_proxy","upstreams":[{"dial":"a"}]}]}]}]}]}}}`,
		`{"servers":{"a":{"routes":[{"match":[{"path_regexp":{"pattern":"^/v1(/|$"}}],"handle":[{"handler":"reverse_proxy","upstreams":null}]}]}}}`,
	} {
		f.Add([]byte(seed))
	}
	content, err := os.ReadFile("../../../Caddyfile")
	require.NoError(f, err)
	f.Add([]byte(httpOf(f, string(content))))
	f.Fuzz(func(t *testing.T, raw []byte) {
		found := order.Check(order.Config{HTTP: raw})
		for _, finding := range found {
			require.NotEmpty(t, finding.String())
		}
		require.Equal(t, found, order.Check(order.Config{HTTP: raw}), "it finds the same again")
	})
}
