package open_test

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/open"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSQLite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "queue.db")
	q, err := open.Open(t.Context(), "sqlite:"+path, open.Options{})
	require.NoError(t, err)
	require.NoError(t, q.Publish(t.Context(), &event.Event{ID: "a", Bot: "demo", Type: "t", OrderKey: "k", Time: time.Now()}))
	require.NoError(t, q.Close())

	q, err = open.Open(t.Context(), "sqlite://"+path, open.Options{})
	require.NoError(t, err)
	depths, err := q.Depths(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, depths[queue.Dispatch], "both forms name the same file")
	require.NoError(t, q.Close())
}

func TestRabbitMQNeedNotBeUp(t *testing.T) {
	t.Parallel()
	q, err := open.Open(t.Context(), "amqp://u:p@127.0.0.1:1,127.0.0.1:2/v", open.Options{})
	require.NoError(t, err)
	require.Error(t, q.Ready(t.Context()))
	require.NoError(t, q.Close())
}

func TestHistory(t *testing.T) {
	t.Parallel()
	file := "sqlite:" + filepath.Join(t.TempDir(), "queue.db")
	for _, tc := range []struct {
		address, history string
		want             error
	}{
		{file, "", nil},
		{file, "auto", nil},
		{file, "1h 10MiB", nil},
		{file, "off", queue.ErrNoHistory},
		{"amqp://u:p@127.0.0.1:1", "off", queue.ErrNoHistory},
		{"amqp://u:p@127.0.0.1:1", "", queue.ErrUnavailable},
		{"amqp://u:p@127.0.0.1:1", "7d 1GiB", queue.ErrUnavailable},
	} {
		q, err := open.Open(t.Context(), tc.address, open.Options{History: tc.history})
		require.NoError(t, err)
		require.ErrorIs(t, q.ReadHistory(t.Context(), queue.HistoryRange{}, func(queue.HistoryRecord) error { return nil }), tc.want)
		keeps := q.HistoryReady()
		require.NoError(t, q.Close())
		sure := tc.history != "" || tc.address == file
		require.Equal(t, sure && !errors.Is(tc.want, queue.ErrNoHistory), open.KeepsHistory(tc.address, tc.history))
		if open.KeepsHistory(tc.address, tc.history) {
			require.NoError(t, keeps, "nothing is accepted that would be missing")
		} else {
			require.ErrorIs(t, keeps, queue.ErrNoHistory)
		}
	}
	require.ErrorContains(t, open.CheckHistory("much"), "an age and a size")
	_, err := open.Open(t.Context(), file, open.Options{History: "much"})
	require.ErrorContains(t, err, "an age and a size")
}

func TestErrorsHaveNoPassword(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, address := range []string{
		"", "queue.db", "redis://u:hunter2@h", "sqlite:", "sqlite://x/y", "sqlite:" + file + "/queue.db",
		"amqp:", "amqp://", "amqp:u:hunter2@h", "amqp://u:hun%zzter2@h", "amqps://u:hunter2@h:port/v", "amqp://u:hunter2@",
		"amqp://u:hunter2", "amqp://u:hunter2#x@h/v", "amqp://u:hunter2/x@h/v", "amqp://h\x7f:hunter2@h",
	} {
		q, err := open.Open(t.Context(), address, open.Options{})
		require.Error(t, err, address)
		require.Nil(t, q, address)
		require.NotContains(t, err.Error(), "hunter2", address)
		require.NotContains(t, err.Error(), "ter2", address)
	}
}

func TestCheckReadsTheAddress(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"sqlite:queue.db", "amqp://u:p@h", "amqps://u:p@h1:5671,h2/v?cacertfile=no-such-file.pem",
	} {
		require.NoError(t, open.Check(address), address)
	}
	for address, reason := range map[string]string{
		"amqp://h/v":                     "names no user",
		"amqp://u:p@h:port/v":            "malformed",
		"amqp://u:p@h:70000":             "port",
		"amqps://u:p@h?verify=none":      `unknown parameter "verify"`,
		"amqp://u:p@h?cacertfile=ca.pem": "not amqps://",
	} {
		err := open.Check(address)
		require.ErrorContains(t, err, reason, address)
	}
}

func FuzzCheck(f *testing.F) {
	f.Add("u", "h:5672/v")
	f.Fuzz(func(t *testing.T, user, rest string) {
		const password = "0Secret0"
		for _, scheme := range []string{"amqp", "amqps", "http"} {
			if err := open.Check(scheme + "://" + url.QueryEscape(user) + ":" + password + "@" + rest); err != nil {
				require.NotContains(t, err.Error(), password)
			}
		}
	})
}
