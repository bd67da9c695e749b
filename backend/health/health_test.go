package health_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/botgate/botgate/backend/health"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ok(context.Context) error { return nil }

func down(context.Context) error { return errors.New("dial 10.0.0.7:5432: refused") }

func away(context.Context) error {
	return fmt.Errorf("databases: %w", health.Degraded{Detail: "shard a", Err: errors.New("dial 10.0.0.7:5432: refused")})
}

func get(handler http.HandlerFunc) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	handler(w, httptest.NewRequest(http.MethodGet, "/", nil))
	return w
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		checks map[string]health.Check
		code   int
		body   string
	}{
		{"no checks", nil, 200, `{"status":"ready","checks":{}}`},
		{"all well", map[string]health.Check{"queue": ok, "store": ok}, 200, `{"status":"ready","checks":{"queue":"ok","store":"ok"}}`},
		{"one down", map[string]health.Check{"queue": ok, "store": down}, 503, `{"status":"not ready","checks":{"queue":"ok","store":"unavailable"}}`},
		{
			"one degraded",
			map[string]health.Check{"queue": ok, "store": away},
			200,
			`{"status":"degraded","checks":{"queue":"ok","store":"degraded"},"details":{"store":"shard a"}}`,
		},
		{
			"one degraded, two down",
			map[string]health.Check{"jobs": down, "queue": down, "store": away},
			503,
			`{"status":"not ready","checks":{"jobs":"unavailable","queue":"unavailable","store":"degraded"},"details":{"store":"shard a"}}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := health.New(health.Config{})
			for name, check := range tc.checks {
				r.Add(name, check)
			}
			w := get(r.ServeReady)
			require.Equal(t, tc.code, w.Code)
			require.JSONEq(t, tc.body, w.Body.String())
			require.Equal(t, "application/json", w.Header().Get("Content-Type"))
			require.Equal(t, "no-store", w.Header().Get("Cache-Control"))

			w = get(r.ServeLive)
			require.Equal(t, 200, w.Code)
			require.JSONEq(t, `{"status":"alive"}`, w.Body.String())

			w = get(r.ServeSelf)
			require.Equal(t, 200, w.Code, "whatever the checks say")
			require.JSONEq(t, `{"status":"ready"}`, w.Body.String())

			r.Stop()
			for _, handler := range []http.HandlerFunc{r.ServeSelf, r.ServeReady} {
				w = get(handler)
				require.Equal(t, 503, w.Code)
				require.JSONEq(t, `{"status":"stopping"}`, w.Body.String())
			}
			require.Equal(t, 200, get(r.ServeLive).Code)
		})
	}
}

func TestReadyTellsTheOperatorWhy(t *testing.T) {
	t.Parallel()
	r := health.New(health.Config{})
	r.Add("store", down)
	r.Add("queue", down)
	require.EqualError(t, r.Ready(t.Context()), "queue: dial 10.0.0.7:5432: refused\nstore: dial 10.0.0.7:5432: refused")
	r.Add("store", away)
	require.EqualError(t, r.Ready(t.Context()), "queue: dial 10.0.0.7:5432: refused")
	r.Add("queue", ok)
	require.NoError(t, r.Ready(t.Context()))
}

func TestHangingCheckIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := health.New(health.Config{Timeout: time.Second})
		release := make(chan struct{})
		r.Add("deaf", func(context.Context) error { <-release; return nil })
		r.Add("slow", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		r.Add("well", ok)
		started := time.Now()
		w := get(r.ServeReady)
		require.Equal(t, time.Second, time.Since(started))
		require.JSONEq(t, `{"status":"not ready","checks":{"deaf":"unavailable","slow":"unavailable","well":"ok"}}`, w.Body.String())
		close(release)
	})
}

func TestConcurrentProbesShareACheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := health.New(health.Config{})
		release := make(chan struct{})
		var runs atomic.Int32
		r.Add("queue", func(context.Context) error { runs.Add(1); <-release; return nil })
		var probes sync.WaitGroup
		for range 50 {
			probes.Go(func() { require.Equal(t, 200, get(r.ServeReady).Code) })
		}
		synctest.Wait()
		close(release)
		probes.Wait()
		require.EqualValues(t, 1, runs.Load())
	})
}

func TestProbeThatDisconnectsDoesNotFailTheCheck(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := health.New(health.Config{})
	r.Add("queue", func(ctx context.Context) error { return ctx.Err() })
	require.NoError(t, r.Ready(ctx))
}

func TestOnlyChangesAreLogged(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := health.New(health.Config{Logger: slog.New(slog.NewTextHandler(&out, nil))})
	check := down
	r.Add("store", func(ctx context.Context) error { return check(ctx) })
	for range 3 {
		require.Error(t, r.Ready(t.Context()))
	}
	for _, check = range []health.Check{away, ok} {
		for range 3 {
			require.NoError(t, r.Ready(t.Context()))
		}
	}
	require.Equal(t, 3, strings.Count(out.String(), "\n"), out.String())
	require.Contains(t, out.String(), "10.0.0.7")
}
