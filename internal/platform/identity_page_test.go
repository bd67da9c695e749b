package platform_test

import (
	"cmp"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

const identityPage = "../../docs/explanation/identity.md"

// TestIdentityPage finds the table of the page to be that of the code. With -update it is written.
func TestIdentityPage(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(identityPage)
	require.NoError(t, err)
	const from, to = "<!-- keys -->\n", "<!-- /keys -->\n"
	before, rest, found := strings.Cut(string(raw), from)
	kept, after, closed := strings.Cut(rest, to)
	require.True(t, found && closed)
	table := keyTable()
	if *update {
		require.NoError(t, os.WriteFile(identityPage, []byte(before+from+table+to+after), 0o600))
	}
	require.Equal(t, kept, table, "go test ./internal/platform -run TestIdentityPage -update")
}

func keyTable() string {
	yes := map[bool]string{true: "yes", false: "no"}
	var table strings.Builder
	table.WriteString("| platform | key | signed | unique | in retries | equal by itself | page |\n|---|---|---|---|---|---|---|\n")
	for _, name := range platform.Names() {
		for _, rule := range platform.RulesOf(name) {
			page := "the sender's"
			if rule.Page != "" {
				page = "[page](" + rule.Page + ")"
			}
			table.WriteString("| " + strings.Join([]string{
				name, rule.Member, yes[rule.Signed], yes[rule.Unique], yes[rule.Retried], yes[rule.Equal], page,
			}, " | ") + " |\n")
		}
	}
	return table.String()
}

// TestEveryKeyIsOnThePage finds no key of a documented payload that has another rule than its platform's.
func TestEveryKeyIsOnThePage(t *testing.T) {
	t.Parallel()
	for _, name := range platform.Names() {
		require.NotEmpty(t, platform.RulesOf(name), name)
		for _, rule := range platform.RulesOf(name) {
			require.Equal(t, name == "hmac", rule.Page == "", "%s: who says so? %s", name, cmp.Or(rule.Member, "no member"))
		}
	}
}
