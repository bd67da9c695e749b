package integration

import (
	"cmp"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
)

// corporaFacts has what each fixture must bring: of each event, type, user and order key.
// UPDATE_CORPORA=1 writes it anew, to be read over.
const corporaFacts = "testdata/corpora.txt"

// platformSecrets are the secrets of platforms that sign with one.
var platformSecrets = map[string]string{
	"github": "It's a Secret to Everybody", "line": "channel-secret-of-line", "meta": "app-secret-of-meta",
	"shopify": "shpss_0123456789abcdef", "slack": "signing-secret-of-slack",
	"stripe": "whsec_0123456789abcdef", "teams-outgoing": "MDEyMzQ1Njc4OWFiY2RlZg==", "telegram": "secret-token-of-telegram",
}

// startForPlatforms runs the shipped Caddyfile with all of them, and Discord, whose key is returned.
func startForPlatforms(t *testing.T) (*stack, ed25519.PrivateKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	s := newStack(t)
	secrets := maps.Clone(platformSecrets)
	secrets["discord"] = hex.EncodeToString(public)
	var hooks strings.Builder
	for name, secret := range secrets {
		require.NoError(t, os.WriteFile(filepath.Join(s.dir, "data", name+".secret"), []byte(secret+"\n"), 0o600))
		if name != "github" {
			fmt.Fprintf(&hooks, "\timport hook %[1]s {\n\t\tbot_signature %[1]s {\n\t\t\tsecret_file {$BOTGATE_DATA:data}/%[1]s.secret\n\t\t}\n\t}\n", name)
		}
	}
	s.config = s.caddyfileWith(t, "\timport hook github {\n", hooks.String()+"\timport hook github {\n")
	s.startGateway()
	return s, private
}

// TestCorpora sends the fixtures of public SDKs, each twice, and finds each stored once, byte for byte, with the
// right facts, and delivered.
func TestCorpora(t *testing.T) {
	t.Parallel()
	specimens := loadCorpora(t)
	s, private := startForPlatforms(t)
	want := map[string]string{}
	for _, sp := range specimens {
		for range 2 {
			a := s.specimen(private, sp)
			require.Equal(t, 200, a.status, "%s %s: %s", sp.platform, sp.name, a.body)
		}
		for _, body := range sp.events() {
			want[string(body)] = sp.platform + " " + sp.name
		}
	}
	eventually(t, func() error {
		listed := s.recorded()
		if n := s.bot.distinct(); n != len(want) || len(listed) != n {
			return fmt.Errorf("the bot got %d of %d, and %d are stored", n, len(want), len(listed))
		}
		for _, r := range listed {
			if r.Status != event.StatusDelivered {
				return fmt.Errorf("%s is %s", r.Event.ID, r.Status)
			}
		}
		return nil
	})
	requireFacts(t, s, want)
}

// events are the bodies of the events that the specimen must become.
func (sp specimen) events() [][]byte {
	if sp.items != nil {
		return sp.items
	}
	return [][]byte{sp.body}
}

// specimen sends one as its platform would.
func (s *stack) specimen(key ed25519.PrivateKey, sp specimen) answer {
	s.t.Helper()
	if sp.platform == "discord" {
		return s.discord(key, string(sp.body))
	}
	header := s.signed(sp.platform, "", sp.headers["X-GitHub-Delivery"], sp.body)
	header.Set("Content-Type", cmp.Or(sp.contentType, "application/json"))
	for name, value := range sp.headers {
		header.Set(name, value)
	}
	return s.post(sp.platform, header, string(sp.body))
}

// requireFacts compares what was stored with the bodies that were sent, and with the facts on file.
func requireFacts(t *testing.T, s *stack, want map[string]string) {
	t.Helper()
	var lines []string
	for _, listed := range s.recorded() {
		r, err := s.store().Get(t.Context(), listed.Event.ID)
		require.NoError(t, err)
		name, ok := want[string(r.Event.Data)]
		require.True(t, ok, "byte for byte: %s", r.Event.Data)
		order := r.Event.OrderKey
		if order == r.Event.ID {
			order = "" // Nothing orders it.
		}
		line := strings.Join([]string{name, r.Event.Type, r.Event.Subject, order}, " | ")
		lines = append(lines, strings.TrimRight(line, " "))
	}
	slices.Sort(lines)
	if os.Getenv("UPDATE_CORPORA") != "" {
		require.NoError(t, os.WriteFile(corporaFacts, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	}
	raw, err := os.ReadFile(corporaFacts)
	require.NoError(t, err)
	facts := strings.Split(strings.TrimSpace(string(raw)), "\n")
	require.Len(t, lines, len(facts))
	for n, line := range lines {
		require.Equal(t, facts[n], line)
	}
}
