package app_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/app"
	"github.com/botgate/botgate/internal/testlog"
	"github.com/botgate/botgate/internal/testsvc"
)

// TestFirstStartOnAnEmptyPostgreSQL has all roles in one process make their tables, and says nothing about tables that
// are not there yet.
func TestFirstStartOnAnEmptyPostgreSQL(t *testing.T) {
	t.Parallel()
	c := settings(t, "http://127.0.0.1:1")
	c.DatabaseURL, c.Data.SlowStatement = testsvc.Postgres(t), 0 // Slow ones of a busy machine are no concern here.
	var log testlog.Buffer
	a := start(t, app.Config{Settings: c, Logger: log.Logger()})
	const tables = `select to_regclass('events') is not null and to_regclass('sessions') is not null
		and to_regclass('jobs') is not null and to_regclass('audit') is not null and to_regclass('refusals') is not null`
	database, err := pgx.Connect(t.Context(), c.DatabaseURL)
	require.NoError(t, err)
	defer func() { require.NoError(t, database.Close(context.Background())) }()
	require.Eventually(t, func() bool {
		var made bool
		require.NoError(t, database.QueryRow(t.Context(), tables).Scan(&made))
		return made
	}, patience, 5*time.Millisecond)
	rebuild := strings.NewReader(`{"kind":"rebuild"}`)
	asked, err := http.Post("http://"+a.Addr().String()+"/v1/jobs", "application/json", rebuild)
	require.NoError(t, err)
	require.NoError(t, asked.Body.Close())
	require.Equal(t, http.StatusAccepted, asked.StatusCode)
	require.Eventually(t, func() bool {
		_, body := get(t, a, asked.Header.Get("Location"))
		return strings.Contains(body, `"status":"done"`)
	}, patience, 5*time.Millisecond)
	stop(t, a)
	require.NotContains(t, log.String(), "level=WARN")
	require.NotContains(t, log.String(), "level=ERROR")
}
