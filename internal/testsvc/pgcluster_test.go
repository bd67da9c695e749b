package testsvc_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

func TestStandbyFollowsAndIsPromoted(t *testing.T) {
	t.Parallel()
	primary := testsvc.StartPostgres(t)
	standby := testsvc.StartPostgresStandby(t, primary)
	primary.Execute("create table a (x int)")

	conn, err := pgx.Connect(t.Context(), standby.URL)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	require.Eventually(t, func() bool {
		_, err := conn.Exec(t.Context(), "select * from a")
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	_, err = conn.Exec(t.Context(), "insert into a values (1)")
	require.ErrorContains(t, err, "read-only")

	primary.Kill()
	standby.Promote()
	_, err = conn.Exec(t.Context(), "insert into a values (1)")
	require.NoError(t, err)
}
