package testsvc_test

import (
	"context"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

func TestMain(m *testing.M) {
	if folder := os.Getenv("TESTSVC_ORPHAN"); folder != "" {
		orphan(folder)
	}
	testsvc.Main(m)
}

func TestSharedServersAreReached(t *testing.T) {
	t.Parallel()
	require.Equal(t, "+PONG", ping(t, testsvc.Redis(t)))
	conn, err := amqp.Dial(testsvc.RabbitMQ(t))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}

func TestPostgresGivesEachTestADatabase(t *testing.T) {
	t.Parallel()
	first, second := testsvc.Postgres(t), testsvc.Postgres(t)
	require.NotEqual(t, first, second)
	exec := func(url, statement string) error {
		conn, err := pgx.Connect(t.Context(), url)
		require.NoError(t, err)
		defer func() { _ = conn.Close(context.Background()) }()
		_, err = conn.Exec(t.Context(), statement)
		return err
	}
	require.NoError(t, exec(first, "create table a (x int)"))
	require.NoError(t, exec(first, "select * from a"))
	require.ErrorContains(t, exec(second, "select * from a"), "does not exist")
}

func TestServerFailsAndComesBack(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB) *testsvc.Server{
		"redis": testsvc.StartRedis, "rabbitmq": testsvc.StartRabbitMQ, "postgres": testsvc.StartPostgres,
		"s3": testsvc.StartS3,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			require.NoError(t, dial(t, server))
			server.Stop()
			require.ErrorIs(t, dial(t, server), syscall.ECONNREFUSED)
			server.Restart()
			require.NoError(t, dial(t, server))
			server.Pause()
			server.Kill()
			require.ErrorIs(t, dial(t, server), syscall.ECONNREFUSED)
		})
	}
}

func TestPauseFreezesAndResumeThaws(t *testing.T) {
	t.Parallel()
	server := testsvc.StartPostgres(t)
	conn, err := pgx.Connect(t.Context(), server.URL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	answered := make(chan error, 1)
	server.Pause()
	go func() {
		_, err := conn.Exec(t.Context(), "select 1")
		answered <- err
	}()
	select {
	case err := <-answered:
		require.Failf(t, "a frozen server answered", "error: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	server.Resume()
	require.NoError(t, <-answered)
}

// A test process that dies takes its servers and their folders with it.
func TestNothingOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	require.NoError(t, os.Chmod(folder, 0o755))
	require.NoError(t, os.Chmod(filepath.Dir(folder), 0o755))
	ready := filepath.Join(folder, "ready")
	cmd := exec.Command(os.Args[0])
	// Servers of its own, also where the environment names some.
	cmd.Env = append(os.Environ(), "TESTSVC_ORPHAN="+ready, "TMPDIR="+folder,
		"BOTGATE_TEST_REDIS_URL=", "BOTGATE_TEST_AMQP_URL=", "BOTGATE_TEST_POSTGRES_URL=", "BOTGATE_TEST_S3_URL=")
	require.NoError(t, cmd.Start())
	var urls []byte
	// Each server may take two minutes; the process ends by itself when one takes more.
	require.Eventually(t, func() bool {
		urls, _ = os.ReadFile(ready)
		return len(urls) > 0
	}, 3*time.Minute, 20*time.Millisecond)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()

	for raw := range strings.Lines(string(urls)) {
		u, err := url.Parse(strings.TrimSpace(raw))
		require.NoError(t, err)
		if u.Scheme == "s3" {
			u, err = url.Parse(u.Query().Get("endpoint"))
			require.NoError(t, err)
		}
		require.Eventually(t, func() bool {
			conn, err := net.Dial("tcp", u.Host)
			if err == nil {
				_ = conn.Close()
			}
			return err != nil
		}, time.Minute, 20*time.Millisecond, "%s still answers", u.Scheme)
	}
	require.NoError(t, os.Remove(ready))
	require.Eventually(t, func() bool {
		left, err := os.ReadDir(folder)
		return err == nil && len(left) == 0
	}, time.Minute, 20*time.Millisecond)
}

// orphan starts servers, says so in the file ready, and waits to be killed.
func orphan(ready string) {
	var urls strings.Builder
	env, _, err := testsvc.StartAll(context.Background(), func(string) {})
	if err != nil {
		panic(err)
	}
	for _, v := range env {
		_, u, _ := strings.Cut(v, "=")
		urls.WriteString(u + "\n")
	}
	if err := os.WriteFile(ready+".new", []byte(urls.String()), 0o600); err != nil {
		panic(err)
	}
	if err := os.Rename(ready+".new", ready); err != nil {
		panic(err)
	}
	select {}
}

func dial(t *testing.T, server *testsvc.Server) error {
	t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:"+server.Port())
	if err != nil {
		return err
	}
	return conn.Close()
}

func ping(t *testing.T, rawURL string) string {
	t.Helper()
	u, err := url.Parse(rawURL)
	require.NoError(t, err)
	conn, err := net.Dial("tcp", u.Host)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = conn.Write([]byte("PING\r\n"))
	require.NoError(t, err)
	answer := make([]byte, 5)
	_, err = conn.Read(answer)
	require.NoError(t, err)
	return string(answer)
}
