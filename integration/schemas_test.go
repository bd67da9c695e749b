package integration

import (
	"database/sql"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// TestMigrateAndRebuild has an operator bring the schema up to date, since no process does, and
// make the read models anew after they were lost.
func TestMigrateAndRebuild(t *testing.T) {
	t.Parallel()
	t.Run("Embedded", func(t *testing.T) {
		s := newStack(t)
		s.env = append(s.env, "BOTGATE_DATABASE_URL="+s.database, "BOTGATE_MIGRATE=off")
		_, stderr, code := run(t, s.dir, s.env, "", backendBinary, "--roles", "record")
		require.NotZero(t, code)
		require.Contains(t, stderr, "run botgate-backend migrate first, or set BOTGATE_MIGRATE to on")
		s.requireMigrates()
		s.startEmbedded()
		s.requireRebuilds(func(statement string) error {
			db, err := sql.Open("sqlite", s.database[len("sqlite:"):]+"?_pragma=busy_timeout(10000)")
			if err != nil {
				return err
			}
			defer db.Close()
			_, err = db.ExecContext(t.Context(), statement)
			return err
		})
	})
	t.Run("Services", func(t *testing.T) {
		s := newStack(t)
		s.env = append(s.env, "BOTGATE_MIGRATE=off")
		s.useServices(testsvc.RabbitMQHost(t))
		s.startGateway()
		record := s.backend("record")
		early := s.accept("alice", hello)
		eventually(t, func() error {
			a, err := send(http.MethodGet, record.base+"/readyz", nil, nil)
			if err == nil && a.status != http.StatusServiceUnavailable {
				err = fmt.Errorf("readyz answers %d", a.status)
			}
			return err
		})
		s.requireMigrates()
		s.startBackends()
		s.awaitStatus(early, "delivered")
		s.requireRebuilds(func(statement string) error {
			conn, err := pgx.Connect(t.Context(), s.database)
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close(t.Context()) }()
			_, err = conn.Exec(t.Context(), statement)
			return err
		})
	})
}

// requireMigrates runs "migrate" twice: a schema that is current is left as it is.
func (s *stack) requireMigrates() {
	s.t.Helper()
	for range 2 {
		require.Equal(s.t, "main: the schema is current\n", s.backendCommand("migrate"))
	}
}

// requireRebuilds drops the read models with execute, and rebuilds them from the log.
func (s *stack) requireRebuilds(execute func(statement string) error) {
	s.t.Helper()
	s.bot.failWith(func(d delivered) int {
		if d.subject == "bob" {
			return http.StatusGone
		}
		return 0
	})
	s.awaitStatus(s.acceptMany("alice", 5)[4], "delivered")
	s.awaitStatus(s.acceptMany("bob", 3)[2], "dead")
	now := time.Now().UTC()
	stats := "/v1/bots/demo/stats?from=" + now.Add(-time.Hour).Format(time.RFC3339) + "&to=" + now.Add(time.Minute).Format(time.RFC3339)
	before := s.models(stats)
	for _, table := range []string{"event_status", "user_counters", "bot_stats"} {
		require.NoError(s.t, execute("delete from "+table))
	}
	require.Regexp(s.t, `^\d{4}-\d\d-\d\d: \d+ entries \(day 1 of \d\)\n`, s.backendCommand("rebuild"))
	require.Equal(s.t, before, s.models(stats))
}

// models is what the API answers out of the read models, as a process does that remembers
// nothing.
func (s *stack) models(stats string) map[string]string {
	s.t.Helper()
	fresh := s.backend("api")
	s.waitReady(fresh.base, fresh)
	answers := map[string]string{}
	for _, path := range []string{"/v1/events?limit=200", "/v1/events?status=dead", "/v1/users/alice", "/v1/users/bob", stats} {
		a, err := send(http.MethodGet, fresh.base+path, nil, nil)
		require.NoError(s.t, err)
		require.Equal(s.t, http.StatusOK, a.status, "%s: %s", path, a.body)
		answers[path] = string(a.body)
	}
	require.Zero(s.t, fresh.stop())
	return answers
}
