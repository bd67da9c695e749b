package idempotency

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/sharedstate"
	"github.com/botgate/botgate/internal/testlog"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestMain(m *testing.M) { testsvc.Main(m) }

// patient are terms for tests that are about neither time nor a slow machine.
var patient = Terms{Window: time.Hour, Lease: time.Hour, Budget: 20 * time.Second}

// newStore starts a store over the Redis, or in this process for an empty URL.
func newStore(t testing.TB, url string) (*Store, *testlog.Buffer) {
	t.Helper()
	log := new(testlog.Buffer)
	c := sharedstate.Config{MaxKeys: 10_000, Logger: log.Logger()}
	if url != "" {
		client, err := redisclient.Open(url)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, c.Redis.Close()) })
		c.Redis = redisclient.NewPipe(client)
	}
	s := New(c)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, log
}

// onBoth runs a test in this process and over Redis, there with two gateways.
func onBoth(t *testing.T, test func(t *testing.T, one, other *Store)) {
	t.Helper()
	t.Run("process", func(t *testing.T) {
		t.Parallel()
		s, _ := newStore(t, "")
		test(t, s, s)
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		one, log := newStore(t, testsvc.Redis(t))
		other, _ := newStore(t, testsvc.Redis(t))
		test(t, one, other)
		require.NotContains(t, log.String(), "level=WARN", "Redis decided")
	})
}

// finish records the answer and waits until Redis knows it.
func finish(s *Store, c Claim, a Answer) {
	s.Finish(c, a)
	s.telling.Wait()
}

// mark marks the keys and waits until Redis knows it.
func mark(s *Store, t Terms, keys []Key, at time.Time) {
	s.Mark(t, keys, at)
	s.telling.Wait()
}

func newKey() Key { return sha256.Sum256([]byte(uuid.NewString())) }

var (
	body    = Fingerprint(sha256.Sum256([]byte(`{"command":"/x"}`)))
	another = Fingerprint(sha256.Sum256([]byte(`{"command":"/y"}`)))
	answer  = Answer{Status: 202, Location: "/v1/events/1", Body: []byte("{\"id\":\"1\"}\n\n")}
)
