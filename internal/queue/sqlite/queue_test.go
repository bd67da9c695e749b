package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/queuetest"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		fmt.Fprintln(os.Stderr, runChild(role))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func openAt(t testing.TB, cfg Config) *Queue {
	t.Helper()
	q, err := Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, q.Close()) })
	return q
}

func TestConformance(t *testing.T) {
	t.Parallel()
	queuetest.Run(t, harness(Config{}))
}

func TestConformanceWithHistory(t *testing.T) {
	t.Parallel()
	queuetest.Run(t, harness(Config{History: queue.DefaultRetention}))
}

func TestRetention(t *testing.T) {
	t.Parallel()
	queuetest.RunRetention(t, harness(Config{History: queuetest.Retention}))
}

// harness is for a file of its own.
func harness(cfg Config) func(t *testing.T) queuetest.Harness {
	return func(t *testing.T) queuetest.Harness {
		cfg.Path = filepath.Join(t.TempDir(), "queue.db")
		return queuetest.Harness{
			Open:    func(t *testing.T) queue.Queue { return openAt(t, cfg) },
			History: !cfg.History.Off(),
			Exact:   true,
		}
	}
}
