package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/app"
	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/testsvc"
)

// known is how many events are asked for in turn.
const known = 2000

// BenchmarkStatus reads events by id through the API, over one connection: out of memory, out of
// Redis, from a replica and from the primary; and out of memory without the network.
//
//	go run ./internal/testsvc/withsvc -- go test -run - -bench Status -benchtime 20000x ./bench
func BenchmarkStatus(b *testing.B) {
	primary := testsvc.StartPostgres(b)
	standby := testsvc.StartPostgresStandby(b, primary)
	settings := config.Default()
	settings.Roles, settings.Listen, settings.DatabaseURL = []config.Role{config.API}, "", primary.URL
	ids := recordKnown(b, settings)
	inMemory := func(*config.Data) {}
	for _, form := range []struct {
		name   string
		change func(*config.Data)
		run    func(*testing.B, http.Handler, []string)
	}{
		{"memory", inMemory, overHTTP},
		{"inprocess", inMemory, inProcess},
		// Too small for what is asked for in turn.
		{"redis", func(d *config.Data) { d.RedisURL, d.CacheSize = testsvc.Redis(b), 64<<10 }, overHTTP},
		{"replica", func(d *config.Data) {
			d.ReplicaURL, d.CacheSize, d.MaxLag = standby.URL, 0, time.Minute
		}, overHTTP},
		{"primary", func(d *config.Data) { d.CacheSize = 0 }, overHTTP},
	} {
		b.Run(form.name, func(b *testing.B) {
			settings := settings
			settings.Data.CacheTTL = time.Hour
			form.change(&settings.Data)
			form.run(b, answering(b, settings), ids)
		})
	}
}

// recordKnown records the events and returns their ids.
func recordKnown(b *testing.B, settings config.Config) []string {
	b.Helper()
	s, err := app.OpenStore(b.Context(), settings, nil, nil)
	require.NoError(b, err)
	defer func() { require.NoError(b, s.Close()) }()
	require.Eventually(b, func() bool { return s.Ready(b.Context()) == nil }, time.Minute, 10*time.Millisecond)
	all := events(b, known)
	_, err = storetest.Record(b.Context(), s, all)
	require.NoError(b, err)
	ids := make([]string, len(all))
	for i, e := range all {
		ids[i] = e.ID
	}
	return ids
}

// answering is the API of an app that runs until the benchmark ends.
func answering(b *testing.B, settings config.Config) http.Handler {
	b.Helper()
	a, err := app.New(app.Config{Settings: settings})
	require.NoError(b, err)
	require.NoError(b, a.Start(b.Context()))
	// The benchmark's context has ended when its cleanups run; each step of the stop has a bound of its own.
	b.Cleanup(func() { require.NoError(b, a.Stop(context.WithoutCancel(b.Context()))) })
	require.Eventually(b, func() bool { return a.Ready(b.Context()) == nil }, time.Minute, 10*time.Millisecond)
	return a.Handler()
}

func overHTTP(b *testing.B, handler http.Handler, ids []string) {
	server := httptest.NewServer(handler)
	defer server.Close()
	ask := func(id string) {
		answer, err := server.Client().Get(server.URL + "/v1/events/" + id)
		require.NoError(b, err)
		_, err = io.Copy(io.Discard, answer.Body)
		require.NoError(b, err)
		answer.Body.Close()
		require.Equal(b, http.StatusOK, answer.StatusCode)
	}
	for _, id := range ids {
		ask(id)
	}
	took := make([]time.Duration, b.N)
	b.ResetTimer()
	for i := range b.N {
		start := time.Now()
		ask(ids[i%len(ids)])
		took[i] = time.Since(start)
	}
	b.StopTimer()
	slices.Sort(took)
	for _, p := range []int{50, 95, 99} {
		b.ReportMetric(float64(took[len(took)*p/100].Microseconds()), fmt.Sprintf("p%d-µs", p))
	}
}

func inProcess(b *testing.B, handler http.Handler, ids []string) {
	requests := make([]*http.Request, len(ids))
	for i, id := range ids {
		requests[i] = httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/v1/events/"+id, nil)
	}
	w := discard{http.Header{}}
	for _, request := range requests {
		handler.ServeHTTP(w, request)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		handler.ServeHTTP(w, requests[i%len(requests)])
	}
}

// discard is a ResponseWriter for nobody.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}
