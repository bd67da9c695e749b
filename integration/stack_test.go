package integration

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/postgres"
	"github.com/botgate/botgate/backend/store/sqlite"
	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/testsvc"
)

// patience is how long a test waits for what must happen; generous, since the machine
// that runs it may be busy.
const patience = 60 * time.Second

// stack is a running Botgate with a bot behind it.
type stack struct {
	t     *testing.T
	dir   string
	env   []string
	base  string
	api   string
	admin string
	// config is the gateway's Caddyfile: the shipped one, if a test does not change it.
	config  string
	reloads int
	bot     *bot
	gateway *process
	// backends are processes of their own; none on the embedded engines.
	backends []*process
	// queueURL is the broker, and redis is there with it; empty and nil on the embedded engines.
	queueURL string
	redis    *testsvc.Server
	// rabbit and postgres are where a test has a server of its own.
	rabbit, postgres *testsvc.Server
	database         string
	// opened is the database, once somebody looked at it.
	opened store.Store
}

// forEachEngine runs a test on the embedded engines and on the real services.
func forEachEngine(t *testing.T, test func(t *testing.T, s *stack)) {
	t.Helper()
	t.Run("Embedded", func(t *testing.T) {
		s := newStack(t)
		s.startEmbedded()
		test(t, s)
	})
	t.Run("Services", func(t *testing.T) {
		s := newStack(t)
		s.startServices()
		test(t, s)
	})
}

// newStack prepares a folder with secrets, a bot and free ports; it starts nothing of Botgate.
func newStack(t *testing.T) *stack {
	t.Helper()
	caddyfile, err := filepath.Abs("../Caddyfile")
	require.NoError(t, err)
	s := &stack{t: t, dir: t.TempDir(), config: caddyfile}
	data := filepath.Join(s.dir, "data")
	_, stderr, code := run(t, s.dir, nil, "", gatewayBinary, "init")
	require.Zero(t, code, stderr)
	s.bot = newBot(t, filepath.Join(data, "demo-bot.secret"))
	writeBotsFile(t, data, s.bot.server.URL+"/events", bots.KeepFailed)
	ports := testsvc.FreeAddresses(t, 3)
	s.base, s.api, s.admin = "http://"+ports[0], "http://"+ports[1], ports[2]
	_, httpPort, err := net.SplitHostPort(ports[0])
	require.NoError(t, err)
	s.env = []string{
		"BOTGATE_LOG_FORMAT=json",
		"BOTGATE_HTTP_PORT=" + httpPort, "BOTGATE_API_LISTEN=" + ports[1], "BOTGATE_API_UPSTREAM=" + ports[1],
		"BOTGATE_ADMIN=" + ports[2], "BOTGATE_LISTEN=" + ports[1],
	}
	s.database = "sqlite:" + filepath.Join(data, "events.db")
	return s
}

func (s *stack) startEmbedded() {
	s.t.Helper()
	s.startGateway()
}

// smallPool keeps the Redis client's connections, which grow with the load, from looking like a leak.
const smallPool = "?pool_size=4"

// embedded says whether everything is in the gateway's process and its files.
func (s *stack) embedded() bool { return s.queueURL == "" }

// startServices runs the gateway and a backend of each role as processes of their own.
func (s *stack) startServices() {
	s.t.Helper()
	s.startServicesOn(testsvc.RabbitMQHost(s.t))
}

// startServicesAlone does the same with a broker that a test may do anything to.
func (s *stack) startServicesAlone() {
	s.t.Helper()
	s.rabbit = testsvc.StartRabbitMQ(s.t)
	s.startServicesOn(s.rabbit.URL)
}

// startServicesOn does the same with the broker at the URL.
func (s *stack) startServicesOn(queueURL string) {
	s.t.Helper()
	s.useServices(queueURL)
	s.startGateway()
	s.startBackends()
}

// useServices prepares a Redis and, unless a test has set one, a database beside the broker.
func (s *stack) useServices(queueURL string) {
	s.t.Helper()
	if strings.HasPrefix(s.database, "sqlite:") {
		s.database = testsvc.Postgres(s.t)
	}
	s.queueURL, s.redis = queueURL, testsvc.StartRedis(s.t)
	s.env = append(s.env, "BOTGATE_REDIS_URL="+s.redis.URL+smallPool, "BOTGATE_QUEUE_URL="+queueURL,
		"BOTGATE_DATABASE_URL="+s.database, "BOTGATE_ROLES=none")
}

func (s *stack) startGateway() {
	s.t.Helper()
	s.reviveGateway()
	s.waitReady(s.base, s.gateway)
}

// reviveGateway starts the gateway, which may end before it is ready.
func (s *stack) reviveGateway() {
	s.t.Helper()
	s.gateway = start(s.t, s.dir, s.env, gatewayBinary, "run", "--config", s.config)
}

// reviveDispatch starts a backend with the role dispatch in the place of the last one.
func (s *stack) reviveDispatch() {
	s.t.Helper()
	s.backends[2] = s.backend("dispatch")
}

// backend starts a backend with the roles at an address of its own.
func (s *stack) backend(roles string) *process {
	s.t.Helper()
	address := testsvc.FreeAddresses(s.t, 1)[0]
	p := start(s.t, s.dir, s.env, backendBinary, "--roles", roles, "--listen", address)
	p.base = "http://" + address
	return p
}

// secondGateway starts another gateway of the same stack, which leaves the backend's roles to
// the first one.
func (s *stack) secondGateway() *stack {
	s.t.Helper()
	ports := testsvc.FreeAddresses(s.t, 2)
	_, httpPort, err := net.SplitHostPort(ports[0])
	require.NoError(s.t, err)
	second := *s
	second.base, second.admin = "http://"+ports[0], ports[1]
	second.env = append(slices.Clone(s.env), "BOTGATE_HTTP_PORT="+httpPort, "BOTGATE_ADMIN="+ports[1], "BOTGATE_ROLES=none",
		"BOTGATE_SPOOL="+filepath.Join(s.dir, "data", "spool-2.db"))
	second.startGateway()
	return &second
}

func (s *stack) startBackends() {
	s.t.Helper()
	s.backends = []*process{
		start(s.t, s.dir, s.env, backendBinary, "--roles", "api"),
		s.backend("record"),
		s.backend("dispatch"),
	}
	s.waitReady(s.api, s.backends[0])
}

// waitReady waits until /readyz answers 200.
func (s *stack) waitReady(base string, p *process) {
	s.t.Helper()
	eventually(s.t, func() error {
		if !p.running() {
			s.t.Fatalf("%s ended at its start:\n%s", p.cmd.Path, tail(p.output.String(), 4000))
		}
		response, err := http.Get(base + "/readyz")
		if err != nil {
			return err
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("readyz answers %d", response.StatusCode)
		}
		return nil
	})
}

// store opens the database that the backend writes, to look at what is in it.
func (s *stack) store() store.Store {
	s.t.Helper()
	if s.opened != nil {
		return s.opened
	}
	var err error
	if s.embedded() {
		s.opened, err = sqlite.Open(s.t.Context(), sqlite.Config{Path: s.database[len("sqlite:"):]})
	} else {
		s.opened, err = postgres.Open(s.t.Context(), postgres.Config{URL: s.database})
	}
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = s.opened.Close() })
	return s.opened
}

// recorded returns every event in the database, newest first.
func (s *stack) recorded() []*store.Record {
	s.t.Helper()
	opened := s.store()
	var all []*store.Record
	q := store.Query{Limit: store.MaxLimit}
	for {
		page, err := opened.List(context.WithoutCancel(s.t.Context()), q)
		require.NoError(s.t, err)
		all = append(all, page.Records...)
		if page.Next == nil {
			return all
		}
		q.After = *page.Next
	}
}

// eventually waits until condition returns nil, and fails with its last error.
func eventually(t *testing.T, condition func() error) {
	t.Helper()
	eventuallyWithin(t, patience, condition)
}

func eventuallyWithin(t *testing.T, patience time.Duration, condition func() error) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			require.NoError(t, err, "waited %s", patience)
		}
	}
}

// eventuallyAll waits until all of something are there, and fails when no more came for as long as patience. Counting
// can be work that slows down what is waited for, so it rests at least as long as it counts.
func eventuallyAll(t *testing.T, all int, what string, count func() int) {
	t.Helper()
	for best, since := 0, time.Now(); ; {
		began := time.Now()
		n := count()
		if n >= all {
			return
		}
		if n > best {
			best, since = n, time.Now()
		}
		require.Less(t, time.Since(since), patience, "%d of %d %s", n, all, what)
		<-time.After(max(50*time.Millisecond, time.Since(began)))
	}
}

// secret reads a secret that botgate init made.
func (s *stack) secret(name string) string {
	s.t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.dir, "data", name))
	require.NoError(s.t, err)
	return string(raw[:len(raw)-1])
}
