package testsvc

import (
	"strconv"
	"testing"
)

// Server is a private server for tests of what happens when it fails. It ends with the
// test. Its methods fail the test when they cannot do what they say, and are to be
// called from the test's goroutine.
type Server struct {
	// URL stays the same over restarts.
	URL string

	t        testing.TB
	instance *instance
}

// StartRedis starts a private Redis. What it acknowledged survives Kill.
func StartRedis(t testing.TB) *Server {
	t.Helper()
	return startServer(t, &redisKind)
}

// StartRedisNode starts a private node of a Redis Cluster: it has no slots and knows no
// other node yet.
func StartRedisNode(t testing.TB) *Server {
	t.Helper()
	return startServer(t, redisNode())
}

// StartRedisReplica starts a private Redis that follows another one.
func StartRedisReplica(t testing.TB, of *Server) *Server {
	t.Helper()
	return startServer(t, redisWith(1, func(*instance) []string { return []string{"--replicaof", "127.0.0.1", of.Port()} }))
}

// StartRedisSentinel starts a sentinel that watches a Redis by the name "main" and
// promotes its replica when it is gone.
func StartRedisSentinel(t testing.TB, master *Server) *Server {
	t.Helper()
	return startServer(t, redisSentinel(master.Port()))
}

// StartRabbitMQ starts a private RabbitMQ node, which takes some seconds.
func StartRabbitMQ(t testing.TB) *Server {
	t.Helper()
	return startServer(t, &rabbitKind)
}

// StartRabbitMQWith is StartRabbitMQ with more lines of rabbitmq.conf.
func StartRabbitMQWith(t testing.TB, settings ...string) *Server {
	t.Helper()
	k := rabbitWith(settings...)
	return startServer(t, &k)
}

// rabbitWith is RabbitMQ with further lines of rabbitmq.conf.
func rabbitWith(settings ...string) kind {
	k := rabbitKind
	k.setup = func(i *instance) error { return setupRabbit(i, settings...) }
	return k
}

// StartPostgres starts a private PostgreSQL with one empty database. What it
// committed survives Kill.
func StartPostgres(t testing.TB) *Server {
	t.Helper()
	return startServer(t, &postgresKind)
}

// StartDurablePostgres is StartPostgres with fsync on: slower, and nearer to production.
func StartDurablePostgres(t testing.TB) *Server {
	t.Helper()
	return startServer(t, durablePostgres())
}

// StartS3 starts a private S3 server with one bucket. What it acknowledged survives Kill.
func StartS3(t testing.TB) *Server {
	t.Helper()
	skipBuild(t)
	return startServer(t, &s3Kind)
}

func startServer(t testing.TB, k *kind) *Server {
	t.Helper()
	i, err := launch(t.Context(), k)
	if err != nil {
		giveUp(t, err)
	}
	t.Cleanup(i.close)
	return &Server{URL: i.url, t: t, instance: i}
}

// Port is the port for clients.
func (s *Server) Port() string { return strconv.Itoa(s.instance.ports[0]) }

// Kill ends the server as a crash would: SIGKILL, or for PostgreSQL an immediate
// shutdown, which is the same to its clients and its files.
func (s *Server) Kill() {
	s.t.Helper()
	s.check(s.instance.end(s.instance.kind.crash))
}

// Stop ends the server as its operator would, and waits for it.
func (s *Server) Stop() {
	s.t.Helper()
	s.check(s.instance.end(s.instance.kind.stop))
}

// Pause freezes the server: its connections stay open and nothing answers.
func (s *Server) Pause() {
	s.t.Helper()
	s.check(s.instance.pause())
}

// Resume ends a Pause.
func (s *Server) Resume() {
	s.t.Helper()
	s.check(s.instance.resume())
}

// Restart starts the server again on its port and files, killing it first if it
// still runs, and waits until it takes connections.
func (s *Server) Restart() {
	s.t.Helper()
	s.check(s.instance.end(s.instance.kind.crash))
	s.check(s.instance.start(s.t.Context()))
}

// Rabbitmqctl runs rabbitmqctl against a server from StartRabbitMQ and returns what
// it printed.
func (s *Server) Rabbitmqctl(args ...string) string {
	s.t.Helper()
	return s.rabbitmq("rabbitmqctl", args...)
}

// RabbitmqQueues runs rabbitmq-queues against a server from StartRabbitMQ and returns what it
// printed.
func (s *Server) RabbitmqQueues(args ...string) string {
	s.t.Helper()
	return s.rabbitmq("rabbitmq-queues", args...)
}

func (s *Server) rabbitmq(tool string, args ...string) string {
	s.t.Helper()
	out, err := rabbitmqTool(s.instance, tool, args...)
	s.check(err)
	return out
}

// NodeName is the name of a RabbitMQ node in its cluster.
func (s *Server) NodeName() string { return nodeName(s.instance) }

func (s *Server) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}
