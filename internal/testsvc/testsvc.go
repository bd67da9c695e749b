// Package testsvc gives tests real servers: a private Redis, RabbitMQ, PostgreSQL or S3,
// started from the installed binaries and gone when the test process is. The one for S3 is
// built from the Go module proxy.
//
// Where BOTGATE_TEST_REDIS_URL, BOTGATE_TEST_AMQP_URL, BOTGATE_TEST_POSTGRES_URL or
// BOTGATE_TEST_S3_URL is set, that server is used instead; the command withsvc sets all of
// them. A test that needs a server which is not installed is skipped, or fails when CI is
// "true".
package testsvc

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// Redis returns the redis:// URL of a server shared by all tests of this process and
// perhaps of others: use keys of your own.
func Redis(t testing.TB) string {
	t.Helper()
	return redisShared.url(t)
}

// RabbitMQ returns the amqp:// URL of a broker shared by all tests of this process and
// perhaps of others: use names of your own and delete what you declare.
func RabbitMQ(t testing.TB) string {
	t.Helper()
	return rabbitShared.url(t)
}

// Postgres returns the URL of a fresh, empty database on a shared server. It is dropped
// at the end of the test, with clients still connected or not.
func Postgres(t testing.TB) string {
	t.Helper()
	return freshDatabase(t, postgresShared.url(t))
}

// S3 returns the URL of an empty place, as package blob/s3 takes it, in the bucket of a shared
// server. With -short it skips the test where no server is given: building one takes long.
func S3(t testing.TB) string {
	t.Helper()
	skipBuild(t)
	return withPrefix(s3Shared.url(t))
}

// Main is for TestMain: it runs the tests, stops the shared servers, fails when a
// goroutine is left over, and exits. Without it the servers end with the process.
func Main(m *testing.M, options ...goleak.Option) {
	goleak.VerifyTestMain(suite{m}, options...)
}

type suite struct{ tests *testing.M }

// Run implements goleak.TestingM: what the shared servers need must be over when
// goroutines are counted.
func (s suite) Run() int {
	code := s.tests.Run()
	for _, server := range []*shared{&redisShared, &rabbitShared, &rabbitHosts, &postgresShared, &s3Shared} {
		if server.instance != nil {
			server.instance.close()
		}
	}
	return code
}

// The servers that tests of one process share; starting one for each test would take
// longer than the tests do.
var (
	redisShared    = shared{kind: &redisKind}
	rabbitShared   = shared{kind: &rabbitKind}
	postgresShared = shared{kind: &postgresKind}
	s3Shared       = shared{kind: &s3Kind}
)

type shared struct {
	kind     *kind
	start    sync.Once
	instance *instance
	err      error
}

func (s *shared) url(t testing.TB) string {
	t.Helper()
	if url := os.Getenv(s.kind.env); s.kind.env != "" && url != "" {
		return url
	}
	s.start.Do(func() { s.instance, s.err = launch(context.Background(), s.kind) })
	if s.err != nil {
		giveUp(t, s.err)
	}
	return s.instance.url
}

// giveUp ends the test: a server that is not installed is a reason to skip, except
// where everything is meant to be there.
func giveUp(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, errNotInstalled) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	t.Fatal(err)
}
