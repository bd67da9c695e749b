package notify_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/notify"
	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/testlog"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestMain(m *testing.M) { testsvc.Main(m) }

func TestLocal(t *testing.T) {
	t.Parallel()
	runSuite(t, func(*testing.T) harness {
		return harness{Open: func(t *testing.T) notify.Bus {
			bus, err := notify.NewLocal(prometheus.NewRegistry())
			require.NoError(t, err)
			t.Cleanup(bus.Close)
			return bus
		}}
	})
}

func TestRedis(t *testing.T) {
	t.Parallel()
	url := testsvc.Redis(t)
	runSuite(t, func(*testing.T) harness {
		channel := "test:" + uuid.NewString()
		return harness{Separate: true, Open: func(t *testing.T) notify.Bus {
			bus, _ := open(t, url, notify.RedisConfig{Channel: channel})
			return bus
		}}
	})
}

// open starts a bus over the Redis until the end of the test.
func open(t *testing.T, url string, cfg notify.RedisConfig) (*notify.Redis, *testlog.Buffer) {
	t.Helper()
	client, err := redisclient.Open(url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	log := new(testlog.Buffer)
	cfg.Client, cfg.Logger = client, log.Logger()
	bus, err := notify.NewRedis(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(bus.Close)
	return bus, log
}

const (
	patience = time.Minute
	tick     = 5 * time.Millisecond
)

// TestRedisUnreachable finds the process itself told at once, and the others of the gap.
func TestRedisUnreachable(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct{ begin, end func(*testsvc.Server) }{
		"killed": {(*testsvc.Server).Kill, (*testsvc.Server).Restart},
		"hung":   {(*testsvc.Server).Pause, (*testsvc.Server).Resume},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testsvc.StartRedis(t)
			reg := prometheus.NewRegistry()
			here, log := open(t, server.URL, notify.RedisConfig{Timeout: 100 * time.Millisecond, Registerer: reg})
			there, _ := open(t, server.URL, notify.RedisConfig{})
			own, other := subscribe(t, here), subscribe(t, there)
			heard := func(cursor int) bool {
				here.Publish(t.Context(), makeNotices(cursor, 1))
				heard := other.heardSoFar()
				return len(heard) > 0 && heard[len(heard)-1].Cursor == strconv.Itoa(cursor)
			}
			// A first connection may take longer than the timeout.
			require.Eventually(t, func() bool { return heard(0) }, patience, 100*time.Millisecond)
			before := len(own.heardSoFar())

			fault.begin(server)
			began := time.Now()
			for i := range 100 {
				here.Publish(t.Context(), makeNotices(1+i, 1))
			}
			require.Less(t, time.Since(began), time.Minute, "each has a bound of its own")
			own.await(t, before+100)
			losses := other.losses()

			fault.end(server)
			require.Eventually(t, func() bool { return other.losses() > losses }, patience, tick, "although nothing more is published")
			require.Eventually(t, func() bool { return heard(1000) }, patience, 100*time.Millisecond)
			require.Contains(t, log.String(), "level=WARN")
			require.Positive(t, sum(t, reg, "botgate_notices_published_total", "failed"))
		})
	}
}

// TestConnectionThatIsSilent is of a network that drops what Redis says, and says nothing of that.
func TestConnectionThatIsSilent(t *testing.T) {
	t.Parallel()
	url := testsvc.Redis(t)
	proxy := testsvc.StartProxy(t, url)
	channel := "test:" + uuid.NewString()
	here, _ := open(t, url, notify.RedisConfig{Channel: channel})
	there, _ := open(t, proxy.URL, notify.RedisConfig{Channel: channel})
	other := subscribe(t, there)
	proxy.Mute()
	here.Publish(t.Context(), makeNotices(0, 1))
	proxy.AwaitDropped(t)
	require.Eventually(t, func() bool { return other.losses() > 0 }, patience, tick)
	require.Empty(t, other.heardSoFar())
	here.Publish(t.Context(), makeNotices(1, 1))
	require.Equal(t, "1", other.await(t, 1)[0].Cursor)
}

// TestStartWithoutRedis finds a loss once Redis is there: caches were filled meanwhile.
func TestStartWithoutRedis(t *testing.T) {
	t.Parallel()
	server := testsvc.StartRedis(t)
	server.Kill()
	bus, _ := open(t, server.URL, notify.RedisConfig{})
	r := subscribe(t, bus)
	bus.Publish(t.Context(), makeNotices(0, 1))
	r.await(t, 1)
	require.Zero(t, r.losses())
	server.Restart()
	require.Eventually(t, func() bool { return r.losses() == 1 }, patience, tick)
}

// TestForeignMessage finds whatever comes through the channel harmless.
func TestForeignMessage(t *testing.T) {
	t.Parallel()
	url, channel := testsvc.Redis(t), "test:"+uuid.NewString()
	bus, _ := open(t, url, notify.RedisConfig{Channel: channel})
	r := subscribe(t, bus)
	client, err := redisclient.Open(url)
	require.NoError(t, err)
	defer func() { require.NoError(t, client.Close()) }()
	for i, text := range []string{"", "{", `{"notices":[{"time":"yesterday"}]}`} {
		require.NoError(t, client.Publish(t.Context(), channel, text).Err())
		require.Eventually(t, func() bool { return r.losses() == i+1 }, patience, tick)
	}
	require.Empty(t, r.heardSoFar())
}

// TestNoticeTooLargeForAnyMessage reaches this process, and the others as a loss.
func TestNoticeTooLargeForAnyMessage(t *testing.T) {
	t.Parallel()
	url, channel := testsvc.Redis(t), "test:"+uuid.NewString()
	here, _ := open(t, url, notify.RedisConfig{Channel: channel})
	there, _ := open(t, url, notify.RedisConfig{Channel: channel})
	own, other := subscribe(t, here), subscribe(t, there)
	notices := makeNotices(0, 2)
	notices[0].Subject = strings.Repeat("x", 100_000)
	here.Publish(t.Context(), notices)
	own.await(t, 2)
	require.Equal(t, "1", other.await(t, 1)[0].Cursor)
	require.Equal(t, 1, other.losses())
}

// sum adds up the series of a metric that have the label's value.
func sum(t *testing.T, reg prometheus.Gatherer, name, label string) (total float64) {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && m.GetLabel()[0].GetValue() == label {
				total += m.GetCounter().GetValue()
			}
		}
	}
	return total
}
