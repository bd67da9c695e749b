package replicas

import (
	"cmp"
	"errors"
	"log/slog"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/address"
)

const (
	pingTimeout = 2 * time.Second
	// A dead host delays the attempts at the others.
	connectTimeout          = 5 * time.Second
	connectTimeoutEachOfAll = 2 * time.Second
)

// Config says where the servers of one shard are and how to use them.
type Config struct {
	// Name is the shard's, for logs and metrics: one of a few. Default "main".
	Name string
	// URL is "postgres://…" or "postgresql://…" with one host, or with all servers any of
	// which may be the primary: "postgres://u:p@h1,h2:5433/db?sslmode=verify-full". Writes
	// go to the one that takes them, whatever target_session_attrs says. pgx's parameters
	// may be there, such as connect_timeout (default 5 s, 2 s with several hosts), and
	// pool_max_conn_lifetime (30m), pool_max_conn_lifetime_jitter (a tenth of that),
	// pool_max_conn_idle_time (30m) and pool_health_check_period (15s), each applied to
	// every pool. synchronous_commit is on unless it is there. Required.
	URL string
	// ReplicaURL lists the servers that reads may go to while they follow the primary, in
	// the same form. Each host has to be one server, not a balancer in front of several.
	// Default: the hosts of URL when there are several, else none.
	ReplicaURL string
	// MaxConns bounds the connections of each pool: there is one to the primary and one to
	// each replica. Default: pool_max_conns of URL, or else four for each core, but no
	// less than 20 and no more than 50.
	MaxConns int
	// StatementTimeout is how long a server works on one statement. Default 10 s.
	StatementTimeout time.Duration
	// SlowStatement is how long a statement may take that is not in the log. Default: none is.
	SlowStatement time.Duration
	// AcquireTimeout is how long a call waits for a connection before it fails with
	// an error that says why. Default 3 s.
	AcquireTimeout time.Duration
	// MaxLag is how far behind the primary a replica may be to be read from: a read sees
	// all that was confirmed longer ago. Default 2 s.
	MaxLag time.Duration
	// ProbeInterval is how often each server is asked for its role and position; it is
	// part of the lag as measured. Default 500 ms, and a quarter of MaxLag at most.
	ProbeInterval time.Duration
	// NoHistory says that nothing brings back what a failover loses: asynchronous standbys are a
	// warning then.
	NoHistory bool
	// Logger gets what happens outside of calls. Default: discard.
	Logger *slog.Logger
	// Registerer gets the metrics, with Name as their label "shard". Default: none.
	Registerer prometheus.Registerer
}

// WithDefaults fills in what was left at zero.
func (c Config) WithDefaults() Config {
	c.Name = cmp.Or(c.Name, "main")
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	c.StatementTimeout = cmp.Or(c.StatementTimeout, 10*time.Second)
	c.AcquireTimeout = cmp.Or(c.AcquireTimeout, 3*time.Second)
	c.MaxLag = cmp.Or(c.MaxLag, 2*time.Second)
	c.ProbeInterval = min(cmp.Or(c.ProbeInterval, 500*time.Millisecond), c.MaxLag/4)
	return c
}

// errMalformed leaves out the URL and what the parser says about it: either may hold the password.
var errMalformed = errors.New("not a PostgreSQL URL like postgres://user:password@host1,host2:5432/database")

// poolConfig makes the settings of a pool out of a URL and the configuration.
func (c Config) poolConfig(raw string) (*pgxpool.Config, error) {
	// Without a scheme pgx would read key=value pairs, and fill gaps from PGHOST.
	if _, err := address.Replica(raw); err != nil {
		return nil, errMalformed
	}
	made, err := pgxpool.ParseConfig(raw)
	if err != nil {
		return nil, errMalformed
	}
	_, query, _ := strings.Cut(raw, "?")
	given, err := url.ParseQuery(query)
	if err != nil {
		return nil, errMalformed
	}
	conn := made.ConnConfig
	if !given.Has("connect_timeout") || conn.ConnectTimeout == 0 {
		conn.ConnectTimeout = connectTimeout
		if len(hosts(&conn.Config)) > 1 {
			conn.ConnectTimeout = connectTimeoutEachOfAll
		}
	}
	made.PingTimeout = pingTimeout
	if !given.Has("pool_max_conn_lifetime") {
		made.MaxConnLifetime = 30 * time.Minute
	}
	if !given.Has("pool_max_conn_lifetime_jitter") {
		// Connections made together should not end together.
		made.MaxConnLifetimeJitter = made.MaxConnLifetime / 10
	}
	if !given.Has("pool_health_check_period") {
		made.HealthCheckPeriod = 15 * time.Second
	}
	switch {
	case c.MaxConns > 0:
		made.MaxConns = int32(c.MaxConns)
	case !given.Has("pool_max_conns"):
		made.MaxConns = defaultMaxConns(runtime.GOMAXPROCS(0))
	}
	for name, value := range map[string]string{
		"statement_timeout":  strconv.FormatInt(c.StatementTimeout.Milliseconds(), 10),
		"synchronous_commit": "on",
	} {
		if _, set := conn.RuntimeParams[name]; !set {
			conn.RuntimeParams[name] = value
		}
	}
	return made, nil
}

func defaultMaxConns(cores int) int32 { return int32(min(max(4*cores, 20), 50)) }
