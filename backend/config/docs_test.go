package config_test

import (
	"cmp"
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/internal/testdocs"
)

// TestDocs keeps the page of the settings as [config.Options] has them.
func TestDocs(t *testing.T) {
	t.Parallel()
	testdocs.Compare(t, "../../docs/reference/settings.md", page())
	for _, o := range config.Options {
		if o.Page != "" {
			require.FileExists(t, "../../docs/"+o.Page)
		}
	}
}

func page() string {
	var b strings.Builder
	b.WriteString(`# Settings of the backend

<!-- Made by "make docs" from backend/config/options.go. -->

` + "`botgate-backend`" + ` takes each setting from its flag, else from its environment variable, else the default; a
variable that is empty counts as unset; white space, or a placeholder that nothing replaced, is an error. Addresses
with a password belong in the environment, since every user
of the machine can read a process's flags. In the gateway's process, some are options of
[` + "`botgate_embedded`" + `](embedded.md); the others are those of the option [` + "`botgate`" + `](botgate.md).
`)
	for _, o := range config.Options {
		fmt.Fprintf(&b, "\n## `%s`\n\n%s\n\n- Flag: `--%s`\n", o.Env, sentence(o.Help), o.Flag)
		if o.Caddy != "" {
			fmt.Fprintf(&b, "- Option of `botgate_embedded`: `%s`\n", o.Caddy)
		}
		if o.Default != "" {
			fmt.Fprintf(&b, "- Default: `%s`\n", o.Default)
		} else {
			fmt.Fprintf(&b, "- Default: %s\n", cmp.Or(o.Unset, "none"))
		}
		if o.Page != "" {
			fmt.Fprintf(&b, "- More: [%s](%s)\n", path.Base(o.Page), strings.TrimPrefix("../"+o.Page, "../reference/"))
		}
	}
	return b.String()
}

// sentence begins with a capital letter and ends with a full stop. What would be HTML, such as <path>, is escaped.
func sentence(s string) string {
	s = strings.ToUpper(s[:1]) + s[1:] + "."
	return strings.NewReplacer("<", "&lt;", "….", "…").Replace(s)
}

func TestOptionsAreComplete(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, o := range config.Options {
		require.True(t, strings.HasPrefix(o.Env, "BOTGATE_"), o.Env)
		require.NotEmpty(t, o.Help, o.Env)
		for _, name := range []string{o.Flag, o.Env} {
			require.NotEmpty(t, name)
			require.False(t, seen[name], name)
			seen[name] = true
		}
	}
}
