package platform_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// general are the rows of a page that stand for many kinds: of Slack those with a user or a place, of Meta the
// changes that nobody made, of GitHub and Stripe all.
var general = map[string]func(user, order string) bool{
	"slack":  func(user, order string) bool { return user != "" || order != "" },
	"meta":   func(user, _ string) bool { return user == "" },
	"github": func(string, string) bool { return true },
	"stripe": func(string, string) bool { return true },
}

// TestPagesNameEveryKind finds each documented kind of payload on the platform's own page.
func TestPagesNameEveryKind(t *testing.T) {
	t.Parallel()
	forEachDocumented(t, func(t *testing.T, name string, d documented) {
		raw, err := os.ReadFile(filepath.Join("../../docs/reference/platforms", name+".md"))
		require.NoError(t, err)
		for _, want := range d.Want {
			parts := strings.Split(want, " | ")
			if rule, ok := general[name]; ok && rule(parts[1], parts[2]) {
				continue
			}
			_, bare, _ := strings.Cut(parts[0], ".")
			named := strings.Contains(string(raw), "`"+parts[0]+"`") ||
				strings.Contains(string(raw), "`"+strings.TrimPrefix(bare, "event.")+"`")
			require.True(t, named, "%s is not on the page", parts[0])
		}
	})
}
