package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// TestSmoke sends an event to a bot that is there for it, beside one that is not to notice.
func TestSmoke(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, s *stack) {
		listen := testsvc.FreeAddresses(t, 1)[0]
		_, stderr, code := run(t, s.dir, s.env, "", gatewayBinary, "bot", "add", "canary", "--url", "http://"+listen+"/events")
		require.Zero(t, code, stderr)
		smoke := func(args ...string) (stdout, stderr string, code int) {
			args = append([]string{"smoke", "--bot", "canary", "--listen", listen, "--accept-within", "1m"}, args...)
			return run(t, s.dir, s.env, "", gatewayBinary, args...)
		}
		stdout, stderr, code := smoke("--timeout", "1m", "--metrics", "http://"+s.admin+"/metrics")
		require.Zero(t, code, "%s%s", stdout, stderr)
		var steps []string
		for _, line := range regexp.MustCompile(`(?m)^ok +(\w+) +[0-9.a-z]+  .+$`).FindAllStringSubmatch(stdout, -1) {
			steps = append(steps, line[1])
		}
		require.Equal(t, []string{"ready", "version", "refused", "accepted", "repeated", "recorded", "delivered", "answered", "erased"}, steps)
		require.Empty(t, s.bot.all())
		require.Empty(t, s.recorded())

		token := filepath.Join(s.dir, "token")
		require.NoError(t, os.WriteFile(token, []byte(s.token("alice")), 0o600))
		stdout, stderr, code = smoke("--timeout", "1m", "--token-file", token)
		require.Zero(t, code, "%s%s", stdout, stderr)
		require.NotContains(t, stdout, "erased")
		require.Len(t, s.recorded(), 1, "it stays, as any other of alice's")

		if !s.embedded() {
			return
		}
		stdout, stderr, code = smoke("--timeout", "12s", "--secret-file", "data/demo-bot.secret")
		require.Equal(t, 1, code, stdout)
		require.Contains(t, stdout, "FAILED  delivered")
		require.Regexp(t, `attempt \d+ was answered 401: look at the address and the secret of canary in the bots file`, stderr)
	})
}
