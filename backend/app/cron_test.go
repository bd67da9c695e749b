package app_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/app"
	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/internal/testlog"
)

// scheduled is a bots file whose bot demo has schedules.
func scheduled(schedules string) []byte {
	return []byte(`{"bots":{"demo":{"url":"https://bot.example","secret_files":["demo.secret"],"schedules":[` + schedules + `]}}}`)
}

// TestSchedulesFollowTheBotsFile where the process delivers, too, and where it has no bots' secrets.
func TestSchedulesFollowTheBotsFile(t *testing.T) {
	t.Parallel()
	for name, roles := range map[string][]config.Role{"all roles": config.Default().Roles, "jobs": {config.Jobs}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := settings(t, "http://127.0.0.1:1/")
			s.Roles = roles
			if len(roles) == 1 {
				require.NoError(t, os.Remove(filepath.Join(filepath.Dir(s.BotsFile), "demo.secret")))
			}
			require.NoError(t, os.WriteFile(s.BotsFile, scheduled(`{"name":"a","cron":"0 9 * * *","type":"tick"}`), 0o600))
			var logs testlog.Buffer
			a := start(t, app.Config{Settings: s, Logger: logs.Logger()})
			await := func(why string, ok func() bool) { require.Eventually(t, ok, patience, 5*time.Millisecond, why) }
			has := func(n float64) func() bool {
				return func() bool { return countOf(t, a, "botgate_cron_schedules") == n }
			}
			await("the file at the start", has(1))
			await("ready", func() bool {
				code, _ := get(t, a, "/readyz")
				return code == http.StatusOK
			})
			require.NoError(t, os.WriteFile(s.BotsFile, scheduled(`{"name":"a","cron":"0 9 * * *","type":"tick"},{"name":"b","cron":"0 9 * * *","type":"tick"}`), 0o600))
			await("the changed file", has(2))
			require.NoError(t, os.WriteFile(s.BotsFile, scheduled(`{"name":"a","cron":"@every 1s","type":"tick"}`), 0o600))
			await("why a broken one is not used", func() bool {
				return strings.Contains(logs.String(), "level=WARN") && strings.Contains(logs.String(), "@every 1s")
			})
			require.True(t, has(2)())
		})
	}
}

func TestJobsWithoutABotsFile(t *testing.T) {
	t.Parallel()
	s := settings(t, "http://127.0.0.1:1/")
	s.Roles = []config.Role{config.Jobs}
	require.NoError(t, os.Remove(s.BotsFile))
	var logs testlog.Buffer
	a := start(t, app.Config{Settings: s, Logger: logs.Logger()})
	require.Contains(t, logs.String(), "no schedules fire, since there is no bots file")
	require.Zero(t, countOf(t, a, "botgate_cron_schedules"))
	require.Eventually(t, func() bool {
		code, _ := get(t, a, "/readyz")
		return code == http.StatusOK
	}, patience, 5*time.Millisecond)
}

// TestDispatchShowsSchedules has a process deliver to bots with schedules that it does not fire.
func TestDispatchShowsSchedules(t *testing.T) {
	t.Parallel()
	s := settings(t, "http://127.0.0.1:1/")
	s.Roles = []config.Role{config.Dispatch}
	require.NoError(t, os.WriteFile(s.BotsFile, scheduled(`{"name":"a","cron":"0 9 * * *","type":"tick"}`), 0o600))
	a := start(t, app.Config{Settings: s})
	require.InDelta(t, 1, countOf(t, a, "botgate_dispatch_schedules"), 0)
	require.NoError(t, os.WriteFile(s.BotsFile, scheduled(``), 0o600))
	require.Eventually(t, func() bool { return countOf(t, a, "botgate_dispatch_schedules") == 0 }, patience, 5*time.Millisecond)
}

func TestJobsWithABrokenBotsFile(t *testing.T) {
	t.Parallel()
	s := settings(t, "http://127.0.0.1:1/")
	s.Roles = []config.Role{config.Jobs}
	require.NoError(t, os.WriteFile(s.BotsFile, scheduled(`{"name":"a","cron":"0 9 * * *","tz":"Nowhere","type":"tick"}`), 0o600))
	_, err := app.New(app.Config{Settings: s})
	require.ErrorContains(t, err, `BOTGATE_BOTS_FILE: bots file `+s.BotsFile+`: bot "demo": schedules: "a": tz: "Nowhere"`)
}
