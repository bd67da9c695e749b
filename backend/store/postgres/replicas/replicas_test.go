package replicas_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/postgres/replicas"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestMain(m *testing.M) { testsvc.Main(m) }

const (
	patience = time.Minute
	often    = 5 * time.Millisecond
)

// maxLag is the bound of open.
const maxLag = time.Second

// open opens a cluster that is probed often, and whose calls wait for a busy machine.
func open(t testing.TB, cfg replicas.Config) *replicas.Cluster {
	t.Helper()
	cfg.MaxLag = cmp.Or(cfg.MaxLag, maxLag)
	cfg.AcquireTimeout = cmp.Or(cfg.AcquireTimeout, patience/2)
	cfg.ProbeInterval = 20 * time.Millisecond
	p, err := replicas.Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

// urlOf lists several servers in one address.
func urlOf(t testing.TB, servers ...*testsvc.Server) string {
	t.Helper()
	u, err := url.Parse(servers[0].URL)
	require.NoError(t, err)
	var addresses []string
	for _, s := range servers {
		addresses = append(addresses, "127.0.0.1:"+s.Port())
	}
	return strings.Replace(servers[0].URL, u.Host, strings.Join(addresses, ","), 1)
}

// reader returns the port of the server that answers a read.
func reader(ctx context.Context, p *replicas.Cluster) (port string, err error) {
	err = p.Read(ctx, func(ctx context.Context, db *pgxpool.Pool) error {
		var n int
		err := db.QueryRow(ctx, "select inet_server_port()").Scan(&n)
		port = strconv.Itoa(n)
		return err
	})
	return port, err
}

// awaitReader waits until reads are answered by a server.
func awaitReader(t testing.TB, p *replicas.Cluster, s *testsvc.Server) {
	t.Helper()
	require.Eventually(t, func() bool {
		port, err := reader(t.Context(), p)
		return err == nil && port == s.Port()
	}, patience, often)
}

func requireReader(t testing.TB, p *replicas.Cluster, s *testsvc.Server) {
	t.Helper()
	port, err := reader(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, s.Port(), port)
}

func write(ctx context.Context, p *replicas.Cluster, n int) error {
	_, err := p.Primary().Exec(ctx, "insert into numbers values ($1)", n)
	return err
}

// log is a log to look into.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *log) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func TestOneServer(t *testing.T) {
	t.Parallel()
	server := testsvc.StartPostgres(t)
	reg := prometheus.NewPedanticRegistry()
	p := open(t, replicas.Config{Name: "a", URL: server.URL, Registerer: reg})
	other := open(t, replicas.Config{Name: "b", URL: server.URL, Registerer: reg})
	require.NoError(t, p.CheckConnections(t.Context()))
	require.NoError(t, other.CheckConnections(t.Context()))
	requireReader(t, p, server)
	requireReader(t, p, server)
	problems, err := testutil.GatherAndLint(reg)
	require.NoError(t, err)
	require.Empty(t, problems)
	require.Contains(t, metrics(t, reg), `botgate_database_reads_total{reason="no_replica",shard="a",target="primary"} 2`)
	_, err = replicas.Open(t.Context(), replicas.Config{Name: "a", URL: server.URL, Registerer: reg})
	require.ErrorContains(t, err, "registering")
}

// metrics renders the counters and gauges of a registry.
func metrics(t testing.TB, reg prometheus.Gatherer) string {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	var text strings.Builder
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			fmt.Fprintf(&text, "%s{%s} %v\n", family.GetName(), strings.Join(labels, ","), m.GetCounter().GetValue()+m.GetGauge().GetValue())
		}
	}
	return text.String()
}

// gauge returns the value of a gauge of which there is one.
func gauge(t testing.TB, reg prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	require.Fail(t, "no such metric", name)
	return 0
}

// TestFailoverThatLosesEvents warns where standbys are asynchronous and nothing can be replayed.
func TestFailoverThatLosesEvents(t *testing.T) {
	t.Parallel()
	primary := testsvc.StartPostgres(t)
	both := urlOf(t, primary, testsvc.StartPostgresStandby(t, primary))
	const lost = "a failover can lose events for good"
	said := func(cfg replicas.Config) string {
		var l log
		cfg.Logger = l.logger()
		p := open(t, cfg)
		require.Eventually(t, func() bool { return strings.Contains(l.String(), "primary found") }, patience, often)
		p.Close()
		return l.String()
	}
	require.Contains(t, said(replicas.Config{URL: both, NoHistory: true}), lost)
	require.NotContains(t, said(replicas.Config{URL: both}), lost)
	require.NotContains(t, said(replicas.Config{URL: primary.URL, NoHistory: true}), lost)
	admin := open(t, replicas.Config{URL: primary.URL})
	for _, statement := range []string{"alter system set synchronous_standby_names = '*'", "select pg_reload_conf()"} {
		_, err := admin.Primary().Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		var names string
		err := admin.Primary().QueryRow(t.Context(), "show synchronous_standby_names").Scan(&names)
		return err == nil && names == "*"
	}, patience, often)
	require.NotContains(t, said(replicas.Config{URL: both, NoHistory: true}), lost)
}

func TestAllConnectionsInUse(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	p := open(t, replicas.Config{URL: testsvc.Postgres(t), MaxConns: 1, AcquireTimeout: 20 * time.Millisecond, Registerer: reg})
	var conn *pgxpool.Conn
	require.Eventually(t, func() bool {
		var err error
		conn, err = p.Primary().Acquire(t.Context())
		return err == nil
	}, patience, often)
	defer conn.Release()
	_, err := p.Primary().Exec(t.Context(), "select 1")
	require.ErrorIs(t, err, replicas.ErrAcquireTimeout)
	require.ErrorContains(t, err, "all 1 of the pool are in use for 20ms")
	require.Regexp(t, `botgate_database_acquire_timeouts_total{pool="primary",shard="main"} [1-9]`, metrics(t, reg))
	require.Contains(t, metrics(t, reg), `botgate_database_connections{pool="primary",shard="main",state="acquired"} 1`)

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	_, err = p.Primary().Exec(ctx, "select 1")
	require.ErrorIs(t, err, context.DeadlineExceeded, "the caller's own bound")

	conn.Release()
	require.Eventually(t, func() bool {
		_, err = p.Primary().Exec(t.Context(), "select 1")
		return err == nil
	}, patience, often)
}

func TestServerIsSilent(t *testing.T) {
	t.Parallel()
	server := testsvc.StartPostgres(t)
	server.Pause()
	p := open(t, replicas.Config{URL: server.URL + "&connect_timeout=1", AcquireTimeout: 20 * time.Millisecond})
	_, err := p.Primary().Exec(t.Context(), "select 1")
	require.ErrorIs(t, err, replicas.ErrAcquireTimeout)
	require.ErrorContains(t, err, "the server does not answer within 20ms")
	server.Resume()
}

func TestMoreConnectionsThanTheServerTakes(t *testing.T) {
	t.Parallel()
	server := testsvc.StartPostgres(t) // max_connections is 200, of which 3 are reserved.
	var first, second log
	require.NoError(t, open(t, replicas.Config{URL: server.URL, MaxConns: 100, Logger: first.logger()}).CheckConnections(t.Context()))
	require.NotContains(t, first.String(), "no room")
	require.NoError(t, open(t, replicas.Config{URL: server.URL, MaxConns: 110, Logger: second.logger()}).CheckConnections(t.Context()))
	require.Eventually(t, func() bool {
		return strings.Contains(second.String(), "max=197 this_process=111 all_processes=212 processes=2 other_programs=0")
	}, patience, often, second.String())

	large := open(t, replicas.Config{URL: server.URL, MaxConns: 197})
	err := large.CheckConnections(t.Context())
	require.ErrorIs(t, err, replicas.ErrTooManyConns)
	require.ErrorContains(t, err, "this process may open 198, the server takes 197: make the pool smaller")

	server.Execute("create role small login connection limit 30")
	small := open(t, replicas.Config{URL: strings.Replace(server.URL, "postgres@", "small@", 1), MaxConns: 30})
	require.ErrorContains(t, small.CheckConnections(t.Context()), "may open 31, the server takes 30")
}

// TestServerBecomesReadOnly has connections of which one finds out: all are made anew.
func TestServerBecomesReadOnly(t *testing.T) {
	t.Parallel()
	server := testsvc.StartPostgres(t)
	server.Execute("create table numbers (n int)")
	p := open(t, replicas.Config{URL: server.URL})
	held, err := p.Primary().Acquire(t.Context())
	require.NoError(t, err)
	defer held.Release()
	require.NoError(t, write(t.Context(), p, 1))
	require.EqualValues(t, 2, p.Primary().Stat().NewConnsCount())
	server.Configure("default_transaction_read_only", "on")
	require.Eventually(t, func() bool {
		err := write(t.Context(), p, 1)
		return err != nil && strings.Contains(err.Error(), "25006")
	}, patience, often)
	held.Release()
	require.Eventually(t, func() bool { return p.Primary().Stat().TotalConns() == 0 }, patience, often)
	requireReader(t, p, server) // Reads go on.
}

// TestFreshReadsAvoidReplicas connects as a role without special rights.
func TestFreshReadsAvoidReplicas(t *testing.T) {
	t.Parallel()
	primary := testsvc.StartPostgres(t)
	primary.Execute("create role plain login")
	standby := testsvc.StartPostgresStandby(t, primary)
	plain := func(url string) string { return strings.Replace(url, "postgres@", "plain@", 1) }
	p := open(t, replicas.Config{URL: plain(primary.URL), ReplicaURL: plain(standby.URL)})
	awaitReader(t, p, standby)
	port, err := reader(store.Fresh(t.Context()), p)
	require.NoError(t, err)
	require.Equal(t, primary.Port(), port)
}
