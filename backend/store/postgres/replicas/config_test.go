package replicas

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

func TestPoolSize(t *testing.T) {
	t.Parallel()
	for cores, want := range map[int]int32{1: 20, 2: 20, 6: 24, 12: 48, 64: 50} {
		require.Equal(t, want, defaultMaxConns(cores), cores)
	}
	for _, c := range []struct {
		option int
		url    string
		want   int32
	}{{0, "?pool_max_conns=7", 7}, {9, "?pool_max_conns=7", 9}, {9, "", 9}} {
		made, err := Config{MaxConns: c.option}.WithDefaults().poolConfig("postgres://u@h/db" + c.url)
		require.NoError(t, err)
		require.Equal(t, c.want, made.MaxConns)
	}
}

func TestSettingsOfTheURLWin(t *testing.T) {
	t.Parallel()
	cfg := Config{StatementTimeout: 3 * time.Second}.WithDefaults()
	made, err := cfg.poolConfig("postgres://u@h1,h2/db")
	require.NoError(t, err)
	require.Equal(t, "3000", made.ConnConfig.RuntimeParams["statement_timeout"])
	require.Equal(t, "on", made.ConnConfig.RuntimeParams["synchronous_commit"])
	require.Equal(t, 30*time.Minute, made.MaxConnLifetime)
	require.Equal(t, 3*time.Minute, made.MaxConnLifetimeJitter)
	require.Equal(t, 15*time.Second, made.HealthCheckPeriod)
	require.Equal(t, 2*time.Second, made.ConnConfig.ConnectTimeout)

	made, err = cfg.poolConfig("postgres://u@h/db?statement_timeout=5&synchronous_commit=local&connect_timeout=9" +
		"&pool_max_conn_lifetime=1h&pool_max_conn_lifetime_jitter=1s&pool_health_check_period=1m")
	require.NoError(t, err)
	require.Equal(t, "5", made.ConnConfig.RuntimeParams["statement_timeout"])
	require.Equal(t, "local", made.ConnConfig.RuntimeParams["synchronous_commit"])
	require.Equal(t, time.Hour, made.MaxConnLifetime)
	require.Equal(t, time.Second, made.MaxConnLifetimeJitter)
	require.Equal(t, time.Minute, made.HealthCheckPeriod)
	require.Equal(t, 9*time.Second, made.ConnConfig.ConnectTimeout)
}

func TestMalformedURL(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"", "host=localhost", "mysql://u:hunter2@h/db", "postgres://u:hunter2@h:port/db", "postgres://u@h/db?x=%zz",
		"postgres://u:hunter2@h/db?sslmode=hunter2", "postgres://u:hun ter2@h/%zz", "postgres://u:p@h/db?pool_max_conns=hunter2",
	} {
		_, err := Open(t.Context(), Config{URL: url})
		require.ErrorContains(t, err, "address of the database", url)
		require.NotContains(t, err.Error(), "hunter2")
		if url != "" {
			_, err = Open(t.Context(), Config{URL: "postgres://u@h/db", ReplicaURL: url})
			require.ErrorContains(t, err, "address of the read replicas", url)
		}
	}
}

func TestProbesAreOftenEnough(t *testing.T) {
	t.Parallel()
	require.Equal(t, 500*time.Millisecond, Config{}.WithDefaults().ProbeInterval)
	require.Equal(t, 100*time.Millisecond, Config{MaxLag: 400 * time.Millisecond, ProbeInterval: time.Second}.WithDefaults().ProbeInterval)
}

func TestHostsOfAURL(t *testing.T) {
	t.Parallel()
	parse := func() *pgconn.Config {
		c, err := pgx.ParseConfig("postgres://u@h1,h2:5433,h3/db?sslmode=prefer")
		require.NoError(t, err)
		return &c.Config
	}
	require.Equal(t, []string{"h1:5432", "h2:5433", "h3:5432"}, hosts(parse()))
	c := parse()
	hostFirst(c, "h3:5432")
	require.Equal(t, []string{"h3:5432", "h1:5432", "h2:5433"}, hosts(c))
	require.Len(t, fallbacks(c), 6, "with TLS and without")
	require.NotNil(t, c.TLSConfig, "with TLS first")
	keepHost(c, "h2:5433")
	require.Equal(t, []string{"h2:5433"}, hosts(c))
	require.Len(t, fallbacks(c), 2)
}

func TestWhichServersAreRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, url, replicas string
		want                map[string]bool
	}{
		{"one host", "h1", "", map[string]bool{"h1:5432": false}},
		{"several", "h1,h2", "", map[string]bool{"h1:5432": true, "h2:5432": true}},
		{"replicas apart", "h1,h2", "h3", map[string]bool{"h1:5432": false, "h2:5432": false, "h3:5432": true}},
		{"some of both", "h1,h2", "h2,h3", map[string]bool{"h1:5432": false, "h2:5432": true, "h3:5432": true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := &Cluster{cfg: Config{URL: "postgres://u@" + c.url + "/db"}.WithDefaults()}
			if c.replicas != "" {
				p.cfg.ReplicaURL = "postgres://u@" + c.replicas + "/db"
			}
			require.NoError(t, p.open(t.Context()))
			defer p.closePools()
			got := map[string]bool{}
			for i, n := range p.nodes {
				got[n.address] = n.reads != nil
				require.Equal(t, n.reads != nil, p.topology.servers[i].readable)
			}
			require.Equal(t, c.want, got)
		})
	}
}
