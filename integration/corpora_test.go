package integration

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// specimen is a payload from the tests of a platform's public SDK.
type specimen struct {
	// name is where it is from.
	name, platform string
	// contentType is JSON where it is empty.
	contentType string
	headers     map[string]string
	body        []byte
	// items are the bodies of the events that it must become; nil for itself.
	items [][]byte
}

// corpora are the fixtures by the module or package that they are in.
var corpora = map[string]func(t *testing.T, dir string) []specimen{
	"github.com/slack-go/slack":             slackCorpus,
	"github.com/line/line-bot-sdk-go/v8":    lineCorpus,
	"github.com/disgoorg/disgo":             discordCorpus,
	"github.com/stripe/stripe-mock":         stripeCorpus,
	"github.com/go-telegram/bot":            telegramCorpus,
	"node_modules/@whatsapp-cloudapi/types": whatsappCorpus,
}

// loadCorpora reads them all; make test-deps downloads them.
func loadCorpora(t *testing.T) []specimen {
	t.Helper()
	dirs := corpusDirs(t)
	var all []specimen
	for _, name := range slices.Sorted(maps.Keys(corpora)) {
		dir := dirs[name]
		if _, err := os.Stat(dir); dir == "" || err != nil {
			if os.Getenv("CI") != "true" {
				t.Skip("the fixtures are not there: make test-deps downloads them")
			}
			t.Fatal(name, "is not there: make test-deps downloads it")
		}
		found := corpora[name](t, dir)
		require.NotEmpty(t, found, name)
		all = append(all, found...)
	}
	return all
}

// corpusDirs says where the modules of integration/corpora are, of those that are downloaded.
func corpusDirs(t *testing.T) map[string]string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "mod", "download", "-json")
	list.Dir, list.Env = "corpora", append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=readonly")
	output, _ := list.Output() // What is lacking has no Dir.
	dirs := map[string]string{"node_modules/@whatsapp-cloudapi/types": "node_modules/@whatsapp-cloudapi/types"}
	for decoder := json.NewDecoder(strings.NewReader(string(output))); ; {
		var module struct{ Path, Dir string }
		if decoder.Decode(&module) != nil {
			return dirs
		}
		dirs[module.Path] = module.Dir
	}
}

// literals yields the JSON objects in the string literals of Go files, with where they are.
func literals(t *testing.T, pattern string) []specimen {
	t.Helper()
	files, err := filepath.Glob(pattern)
	require.NoError(t, err)
	var found []specimen
	for _, file := range files {
		fset := token.NewFileSet()
		tree, err := parser.ParseFile(fset, file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(tree, func(node ast.Node) bool {
			literal, ok := node.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(literal.Value)
			require.NoError(t, err)
			if strings.HasPrefix(strings.TrimSpace(text), "{") && json.Valid([]byte(text)) {
				name := fmt.Sprintf("%s:%d", filepath.Base(file), fset.Position(literal.Pos()).Line)
				found = append(found, specimen{name: name, body: []byte(text)})
			}
			return true
		})
	}
	return found
}

// slackCorpus has the events as they are sent, and inner events in an envelope. Examples share event ids, which
// real events never do; each gets one of its own.
func slackCorpus(t *testing.T, dir string) []specimen {
	t.Helper()
	var found []specimen
	for n, s := range literals(t, filepath.Join(dir, "slackevents", "*_test.go")) {
		var outer struct {
			Type, EventID string
			Event         json.RawMessage
		}
		require.NoError(t, json.Unmarshal(s.body, &outer), s.name)
		id := fmt.Sprintf(`"event_id":"EvC%d"`, n)
		switch {
		case outer.Type == "" || strings.Contains(outer.Type, "/") || outer.Type == "url_verification":
			continue
		case outer.Type == "app_rate_limited":
			s.body = []byte(strings.Replace(string(s.body), `"token"`, fmt.Sprintf(`"n":%d,"token"`, n), 1))
		case outer.Type != "event_callback":
			s.body = fmt.Appendf(nil, `{"type":"event_callback","team_id":"T1",%s,"event":%s}`, id, s.body)
		case eventID.Match(s.body):
			s.body = eventID.ReplaceAll(s.body, []byte(id))
		default:
			s.body = []byte(strings.Replace(string(s.body), "{", "{"+id+",", 1))
		}
		s.platform = "slack"
		found = append(found, s)
	}
	return found
}

var eventID = regexp.MustCompile(`"event_id":\s*"[^"]*"`)

// lineCorpus has a request with an event of each kind, which share one webhookEventId.
func lineCorpus(t *testing.T, dir string) []specimen {
	t.Helper()
	var found []specimen
	for _, s := range literals(t, filepath.Join(dir, "linebot", "webhook_test.go")) {
		var request struct{ Events []json.RawMessage }
		if json.Unmarshal(s.body, &request) != nil || len(request.Events) == 0 {
			continue
		}
		text := string(s.body)
		before, after := text[:strings.Index(text, "[")], text[strings.LastIndex(text, "]")+1:]
		seen := map[string]bool{}
		for _, item := range request.Events {
			if event := before + "[" + string(item) + "]" + after; !seen[string(item)] {
				seen[string(item)] = true
				s.items = append(s.items, []byte(event))
			}
		}
		s.platform = "line"
		found = append(found, s)
	}
	return found
}

// discordCorpus has interactions, which share an id; each gets one of its own.
func discordCorpus(t *testing.T, dir string) []specimen {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "handler", "testdata", "*", "*.json"))
	require.NoError(t, err)
	var found []specimen
	for n, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		var interaction struct{ ID string }
		require.NoError(t, json.Unmarshal(raw, &interaction))
		body := strings.ReplaceAll(string(raw), `"`+interaction.ID+`"`, fmt.Sprintf(`"78600872971521%d"`, n))
		found = append(found, specimen{name: filepath.Base(file), platform: "discord", body: []byte(body)})
	}
	return found
}

// stripeCorpus has an event of each object that Stripe's own mock server has.
func stripeCorpus(t *testing.T, dir string) []specimen {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "embedded", "openapi", "fixtures3.json"))
	require.NoError(t, err)
	var fixtures struct{ Resources map[string]json.RawMessage }
	require.NoError(t, json.Unmarshal(raw, &fixtures))
	var found []specimen
	for _, name := range slices.Sorted(maps.Keys(fixtures.Resources)) {
		body := fixtures.Resources[name]
		if name != "event" {
			body = fmt.Appendf(nil, `{"id":"evt_%s","object":"event","type":"%s.updated","data":{"object":%s}}`, name, name, body)
		}
		found = append(found, specimen{name: name, platform: "stripe", body: body})
	}
	return found
}

// telegramCorpus has updates, which share an id; each gets one of its own.
func telegramCorpus(t *testing.T, dir string) []specimen {
	t.Helper()
	var found []specimen
	for n, s := range literals(t, filepath.Join(dir, "*_test.go")) {
		if text := string(s.body); strings.Contains(text, `"update_id":1,`) {
			s.body = []byte(strings.Replace(text, `"update_id":1,`, fmt.Sprintf(`"update_id":%d,`, 1000+n), 1))
			s.platform = "telegram"
			found = append(found, s)
		}
	}
	return found
}

// whatsappCorpus has the notifications in a page of the package, where each is in a log entry.
func whatsappCorpus(t *testing.T, dir string) []specimen {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(dir, "README.md"))
	require.NoError(t, err)
	var found []specimen
	for n, block := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(page, -1) {
		var entry struct{ Event json.RawMessage }
		if json.Unmarshal(block[1], &entry) == nil && entry.Event != nil {
			found = append(found, specimen{name: fmt.Sprintf("README.md:%d", n), platform: "meta", body: entry.Event})
		}
	}
	return found
}
