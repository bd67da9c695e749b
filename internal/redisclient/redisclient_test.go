package redisclient_test

import (
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/redisclient"
)

func TestOpenPicksTheClient(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]redis.UniversalClient{
		"redis://user:pw@127.0.0.1:6379/2":                                    &redis.Client{},
		"rediss://127.0.0.1:6380":                                             &redis.Client{},
		"redis+cluster://127.0.0.1:7000?addr=127.0.0.1:7001":                  &redis.ClusterClient{},
		"redis+sentinel://127.0.0.1:26379?master_name=m&addr=127.0.0.1:26380": &redis.Client{},
	} {
		client, err := redisclient.Open(address)
		require.NoError(t, err, address)
		require.IsType(t, want, client, address)
		require.NoError(t, client.Close())
	}
}

func TestOpenRefusesWithoutThePassword(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"", "127.0.0.1:6379", "http://h", "redis+other://h", "redis://user:hunter2@h:port/x",
		"redis://user:hunter2@h/notanumber", "redis+cluster://user:hunter2@h:1?dial_timeout=x", "redis://user:hunter2@h\x00",
	} {
		_, err := redisclient.Open(address)
		require.Error(t, err, address)
		require.NotContains(t, err.Error(), "hunter2")
	}
}
