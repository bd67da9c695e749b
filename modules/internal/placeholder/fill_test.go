package placeholder_test

import (
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/internal/placeholder"
)

// FuzzFill compares with Caddy.
func FuzzFill(f *testing.F) {
	for _, pattern := range []string{
		"", "{", "}", "{}", "{bot}", "{unknown}", "{n}", "{none}", "a{bot}", "{bot}b", "{bot}{n}", `\{bot}`, `{bot\}`, `{b\}ot}`, "{{bot}}", "{bot}}", "{bot{n}",
	} {
		f.Add(pattern)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		repl := caddy.NewEmptyReplacer()
		repl.Set("bot", "demo")
		repl.Set("n", 7)
		repl.Set("none", nil)
		repl.Set("b}ot", "x")
		require.Equal(t, repl.ReplaceAll(pattern, ""), placeholder.Fill(repl, pattern), "%q", pattern)
	})
}
