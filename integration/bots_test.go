package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

const (
	// followBound is how long a change of the bots file may take to count: it is looked at every 2 s, and
	// machines that run tests are busy.
	followBound = 20 * time.Second
	// botsProgress is how many commands are accepted between two changes at least.
	botsProgress = 60
)

// whileCommandsRun has a test change bots while commands for the bot "demo" run through, of which none is refused,
// lost, repeated or out of order. It does so on the embedded engines, and on services with two processes with the
// role dispatch.
func whileCommandsRun(t *testing.T, change func(t *testing.T, s *stack, load *chaosLoad)) {
	t.Helper()
	t.Parallel()
	for name, start := range map[string]func(*stack){
		"Embedded": (*stack).startEmbedded,
		"Services": func(s *stack) {
			s.startServices()
			s.backends = append(s.backends, s.dispatcher(2))
			s.waitReady(s.backends[3].base, s.backends[3])
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStack(t)
			start(s)
			load := startChaosLoad(s)
			t.Cleanup(load.stop)
			load.progress(t, botsProgress)
			change(t, s, load)
			load.progress(t, botsProgress)
			load.stop()
			s.bot.awaitAll(t, load.acceptedFor("demo"))
			s.bot.requireOrder(t)
			require.Zero(t, s.bot.again(), "deliveries that were repeated")
			require.Zero(t, s.bot.refused(), "deliveries that the bot refused for their signature")
			require.Zero(t, load.count().refused, "commands that were refused")
		})
	}
}

// dispatchers are the processes that deliver.
func (s *stack) dispatchers() []*process {
	if s.embedded() {
		return []*process{s.gateway}
	}
	return s.backends[2:]
}

// botCommand runs botgate bot as an operator would.
func (s *stack) botCommand(args ...string) string {
	s.t.Helper()
	args = append(append([]string{"bot"}, args...), "--address", s.admin)
	stdout, stderr, code := run(s.t, s.dir, s.env, "", gatewayBinary, args...)
	require.Zero(s.t, code, stderr)
	return stdout
}

// TestBotsComeAndGo adds a bot, breaks the bots file for a while, and removes the bot.
func TestBotsComeAndGo(t *testing.T) {
	whileCommandsRun(t, func(t *testing.T, s *stack, load *chaosLoad) {
		second := newBot(t, filepath.Join(s.dir, "data", "demo-bot.secret"))
		s.requireUnknown(t, "second")
		out := s.botCommand("add", "second", "--url", second.server.URL+"/events", "--secret-file", "demo-bot.secret")
		require.Contains(t, out, s.admin)
		s.requireFollowed(t, second, 0, 20)
		load.progress(t, botsProgress)

		path := filepath.Join(s.dir, "data", "bots.json")
		good, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, good[:len(good)/2], 0o600))
		s.requireBrokenFile(t)
		s.requireFollowed(t, second, 20, 30)
		require.NoError(t, os.WriteFile(path, good, 0o600))
		s.awaitRefusedFiles(false)

		s.botCommand("remove", "second")
		s.requireUnknown(t, "second")
		for _, p := range s.dispatchers() {
			p.awaitLog(t, "removed second", 1)
		}
	})
}

func (s *stack) requireUnknown(t *testing.T, bot string) {
	t.Helper()
	a, err := s.commandOf(bot, s.token("bob"), "", hello)
	require.NoError(t, err)
	requireProblem(t, a, http.StatusNotFound, "unknown-bot")
}

// requireFollowed sends commands with the numbers from first up to, and without, end to the bot "second".
func (s *stack) requireFollowed(t *testing.T, second *bot, first, end int) {
	t.Helper()
	for n := first; n < end; n++ {
		s.commandTo("second", "bob", n)
	}
	eventuallyWithin(t, followBound, func() error {
		if n := second.distinct(); n < end {
			return fmt.Errorf("the new bot has %d of %d commands", n, end)
		}
		return nil
	})
	requireInOrder(t, second)
	require.Len(t, second.all(), end)
}

// requireBrokenFile finds that everybody says that the bots file is broken. SIGHUP ends no backend.
func (s *stack) requireBrokenFile(t *testing.T) {
	t.Helper()
	for _, p := range s.backends {
		require.NoError(t, p.cmd.Process.Signal(syscall.SIGHUP))
	}
	stdout, stderr, code := run(t, s.dir, s.env, "", gatewayBinary, "reload", "--config", s.config, "--address", s.admin)
	require.NotZero(t, code, stdout)
	require.Contains(t, stdout, "bots.json")
	require.Contains(t, stderr, "bots file")
	s.awaitRefusedFiles(true)
	for _, p := range append(s.dispatchers(), s.gateway) {
		require.Regexp(t, `(?i)"?level"?[=:]"?warn.*bots\.json`, p.output.String())
	}
	for _, p := range s.backends {
		require.True(t, p.running())
	}
}

// awaitRefusedFiles waits until each process that follows the bots file says whether it refuses it.
func (s *stack) awaitRefusedFiles(refused bool) {
	s.t.Helper()
	bases := map[string]string{"http://" + s.admin: "names in the bots file"}
	for _, p := range s.dispatchers() {
		if p != s.gateway {
			bases[p.base] = "bots file"
		}
	}
	eventuallyWithin(s.t, followBound, func() error {
		for base, what := range bases {
			a, err := send(http.MethodGet, base+"/metrics", nil, nil)
			if err != nil {
				return err
			}
			if strings.Contains(string(a.body), fmt.Sprintf("botgate_files_refused{what=%q} 1", what)) != refused {
				return fmt.Errorf("%s does not say that files are refused: %t", base, refused)
			}
		}
		return nil
	})
}

// awaitLog waits until the process has logged something so many times.
func (p *process) awaitLog(t *testing.T, words string, times int) {
	t.Helper()
	eventuallyWithin(t, followBound, func() error {
		if n := strings.Count(p.output.String(), words); n < times {
			return fmt.Errorf("%s said %q %d times of %d", p.cmd.Args, words, n, times)
		}
		return nil
	})
}

// TestRotationRefusesNothing has a bot check signatures with its old secret, with both, and with the new one.
func TestRotationRefusesNothing(t *testing.T) {
	whileCommandsRun(t, func(t *testing.T, s *stack, load *chaosLoad) {
		follow := func(times int) {
			for _, p := range s.dispatchers() {
				p.awaitLog(t, "changed demo (secrets)", times)
			}
			load.progress(t, botsProgress)
		}
		s.botCommand("rotate", "demo")
		follow(1)
		added, err := platform.StandardWebhooks().ParseSecret([]byte(s.secret("demo-bot.2.secret")))
		require.NoError(t, err)
		s.bot.trust(s.bot.secrets[0], added)
		load.progress(t, botsProgress)
		s.botCommand("rotate", "demo", "--finish")
		follow(2)
		s.bot.trust(added)
	})
}
