package limit

import (
	"testing"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/sharedstate"
	"github.com/botgate/botgate/internal/testlog"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestMain(m *testing.M) { testsvc.Main(m) }

// patient is a policy for tests that are not about a slow machine.
var patient = Policy{Budget: 20 * time.Second, OnError: Local, Share: 1}

// slow refills one request in 450 seconds, so that it does not matter how fast the machine is.
var slow = redis_rate.Limit{Rate: 8, Burst: 16, Period: time.Hour}

const interval = 450 * time.Second

func openRedis(t testing.TB, url string) redis.UniversalClient {
	t.Helper()
	client, err := redisclient.Open(url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

func openPipe(t testing.TB, url string) *redisclient.Pipe {
	t.Helper()
	client, err := redisclient.Open(url)
	require.NoError(t, err)
	pipe := redisclient.NewPipe(client)
	t.Cleanup(func() { require.NoError(t, pipe.Close()) })
	return pipe
}

// newLimiter starts a limiter over the Redis, or in this process for an empty URL.
func newLimiter(t testing.TB, url string) (*Limiter, *testlog.Buffer) {
	t.Helper()
	log := new(testlog.Buffer)
	c := sharedstate.Config{MaxKeys: 10_000, Logger: log.Logger()}
	if url != "" {
		c.Redis = openPipe(t, url)
	}
	l := New(c)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l, log
}

// take asks for n of the key under the slow limit.
func take(key string, n int) Take {
	return Take{Zone: "zone", Key: key, ID: IDOf("zone", key), Limit: slow, Cost: n}
}

// decide asks and fails the test on an error.
func decide(t testing.TB, l *Limiter, takes ...Take) Decision {
	t.Helper()
	d, err := l.Take(t.Context(), patient, takes, nil)
	require.NoError(t, err)
	return d
}

func newKey() string { return uuid.NewString() }

// onBoth runs a test over Redis and in this process.
func onBoth(t *testing.T, test func(t *testing.T, l *Limiter)) {
	t.Helper()
	for name, url := range map[string]string{"local": "", "redis": testsvc.Redis(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, _ := newLimiter(t, url)
			test(t, l)
		})
	}
}
