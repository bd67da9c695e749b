package address_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/address"
)

func TestEmbedded(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"sqlite:queue.db":         "queue.db",
		"sqlite:data/queue.db":    "data/queue.db",
		"sqlite:/var/queue.db":    "/var/queue.db",
		"sqlite:///var/queue.db":  "/var/queue.db",
		"sqlite:C:\\data\\q.db":   "C:\\data\\q.db",
		"sqlite:100% & ünï.db":    "100% & ünï.db",
		"sqlite:":                 "",
		"sqlite://":               "",
		"sqlite://data/queue.db":  "",
		"sqlite:queue.db?mode=ro": "",
		"sqlite:queue.db#x":       "",
		"sqlite:a\x00b":           "",
		"queue.db":                "",
		"SQLite:queue.db":         "",
	} {
		for _, parse := range []func(string) (string, error){address.Queue, address.Database} {
			path, err := parse(url)
			require.Equal(t, want, path, url)
			require.Equal(t, want == "", err != nil, url)
		}
	}
}

func TestServers(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		parse     func(string) (string, error)
		good, bad []string
	}{
		{address.Queue, []string{"amqp://h", "amqps://u:p@h1,h2"}, []string{"", "amqp", "amqp:h", "redis://hunter2@h", "hunter2"}},
		{address.Database, []string{"postgres://h", "postgresql://u:p@h1,h2/db"}, []string{"", "postgres:h", "mysql://u:hunter2@h/db"}},
		{address.Replica, []string{"postgres://h", "postgresql://h"}, []string{"", "sqlite:x.db", "hunter2"}},
		{address.BlobStore, []string{"s3://bucket", "file:data/blobs"}, []string{"", "s3:bucket", "sqlite:x", "http://hunter2"}},
	} {
		for _, url := range tc.good {
			path, err := tc.parse(url)
			require.NoError(t, err, url)
			require.Equal(t, strings.HasPrefix(url, "file:"), path != "", url)
		}
		for _, url := range tc.bad {
			_, err := tc.parse(url)
			require.ErrorContains(t, err, "must be", url)
			require.NotContains(t, err.Error(), "hunter2")
		}
	}
}
