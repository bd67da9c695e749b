package integration

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/tracing/tracetest"
)

// strangersTrace is what a caller names as its span, and wants to be sampled.
const strangersTrace = "4bf92f3577b34da6a3ce929d0e0e4736"

// hidden are texts that no span may have, beside the secrets.
var hidden = []string{"in-the-query", "in-the-key", "in-the-body", "in-the-address", "alice"}

// TestTracesFromTheRequestToTheBot sends a command to each of two bots by a gateway of its own, of which one bot fails at
// first, and asks what became of them. It looks at what a collector gets: the trees, and nothing that is secret. Then
// the collector hangs, and nobody waits for it.
func TestTracesFromTheRequestToTheBot(t *testing.T) {
	t.Parallel()
	s, sink := newStack(t), tracetest.NewSink(t)
	other := s.addOther(t)
	failed := false
	other.failWith(func(delivered) int {
		if failed {
			return 0
		}
		failed = true
		return http.StatusInternalServerError
	})
	s.env = append(s.env, "OTEL_EXPORTER_OTLP_ENDPOINT="+sink.URL, "OTEL_TRACES_SAMPLER=parentbased_always_on", "OTEL_BSP_SCHEDULE_DELAY=100")
	site := s.useMetricsSite(t)
	s.startServices()
	s.env = append(s.env, "BOTGATE_METRICS_BIND=") // The port is the first one's.
	second := s.secondGateway()
	token := s.token("alice")
	for name, b := range map[string]*bot{"demo": s.bot, "other": other} {
		by := map[*bot]*stack{s.bot: s, other: second}[b]
		id := by.tracedCommand(t, token, name)
		tree := s.awaitTree(t, sink, id)
		require.Equal(t, "botgate", tree.server.Service)
		require.Empty(t, tree.server.ParentSpanId, "a stranger's span is no parent")
		require.Len(t, tree.server.Links, 1)
		require.Equal(t, strangersTrace, hex.EncodeToString(tree.server.Links[0].TraceId))
		require.Equal(t, int64(http.StatusAccepted), tree.server.Attribute("http.response.status_code"))
		require.True(t, tree.publish.ChildOf(tree.server))
		require.Equal(t, 2, countSteps(sink, tree.server, "EVALSHA"), "of the limit and the idempotency key")
		require.Equal(t, name, tree.publish.Attribute("botgate.bot"))

		first, last := tree.attempts[0], tree.attempts[len(tree.attempts)-1]
		require.Equal(t, "botgate-backend", first.Service)
		require.True(t, first.ChildOf(tree.publish))
		require.Equal(t, "delivered", last.Attribute("botgate.outcome"))
		if b == other {
			require.Equal(t, "failed", first.Attribute("botgate.outcome"))
			require.True(t, first.Failed())
			s.backends[2].awaitLog(t, `"trace_id":"`+hex.EncodeToString(first.TraceId)+`"`, 1)
			require.Empty(t, last.ParentSpanId, "a retry is a trace of its own")
			require.True(t, last.LinksTo(tree.publish))
		}
		post := requirePost(t, sink, last)
		require.Equal(t, int64(http.StatusNoContent), post.Attribute("http.response.status_code"))
		got := b.all()
		require.Len(t, got, 1)
		require.Equal(t, post.TraceParent(), got[0].traceParent, "what the bot does is a step of the request to it")
		require.Equal(t, tree.publish.TraceParent(), got[0].creator)
		by.requireQuery(t, sink, token, id)
	}
	requireExemplars(t, site+"/metrics", "botgate_enqueue_accept_seconds")
	requireExemplars(t, s.api+"/metrics", "botgate_api_request_duration_seconds")
	requireExemplars(t, s.backends[1].base+"/metrics", "botgate_record_delay_seconds", "botgate_record_append_duration_seconds")
	requireExemplars(t, s.backends[2].base+"/metrics", "botgate_dispatch_delay_seconds", "botgate_dispatch_attempt_duration_seconds")
	requireDistinct(t, sink, "POST /v1/bots/{bot}/commands", "GET")
	s.requireRefusalInLog(t, sink)
	for _, secret := range append(hidden, token, s.secret("jwt.secret"), s.secret("demo-bot.secret")) {
		require.NotContains(t, string(sink.Raw()), secret)
	}
	s.requireQuickStop(t, sink, token, append(s.backends, second.gateway, s.gateway)...)
}

// addOther adds a bot whose address has a secret.
func (s *stack) addOther(t *testing.T) *bot {
	t.Helper()
	data := filepath.Join(s.dir, "data")
	other := newBot(t, filepath.Join(data, "demo-bot.secret"))
	content := fmt.Sprintf(`{"bots":{
		"demo":{"url":%q,"allow_private":true,"secret_files":["demo-bot.secret"]},
		"other":{"url":%q,"allow_private":true,"secret_files":["demo-bot.secret"],"min_backoff":"50ms"}}}`,
		s.bot.server.URL+"/events", other.server.URL+"/in-the-address?key=in-the-address")
	require.NoError(t, os.WriteFile(filepath.Join(data, "bots.json"), []byte(content), 0o600))
	return other
}

// tracedCommand sends a command as a stranger who wants a trace, and returns the id of its event.
func (s *stack) tracedCommand(t *testing.T, token, bot string) string {
	t.Helper()
	header := bearer(token)
	header.Set("Traceparent", "00-"+strangersTrace+"-00f067aa0ba902b7-01")
	header.Set("Content-Type", "application/json")
	header.Set("Idempotency-Key", "in-the-key-"+rand.Text())
	a, err := send(http.MethodPost, s.base+"/v1/bots/"+bot+"/commands?x=in-the-query", header, []byte(`{"command":"/x","text":"in-the-body"}`))
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, a.status)
	return strings.TrimPrefix(a.header.Get("Location"), "/v1/events/")
}

// countSteps is how many steps of a name a span has.
func countSteps(sink *tracetest.Sink, of tracetest.Span, name string) (n int) {
	for _, span := range sink.Named(name) {
		if span.ChildOf(of) {
			n++
		}
	}
	return n
}

// tree are the spans of one event.
type tree struct {
	server, publish tracetest.Span
	// attempts are in order.
	attempts []tracetest.Span
}

// awaitTree waits until an event was delivered and recorded, by what the collector has.
func (s *stack) awaitTree(t *testing.T, sink *tracetest.Sink, id string) (found tree) {
	t.Helper()
	eventually(t, func() error {
		found = tree{}
		of := func(name string) (spans []tracetest.Span) {
			for _, span := range sink.Named(name) {
				if span.Attribute("cloudevents.event_id") == id {
					spans = append(spans, span)
				}
			}
			return spans
		}
		servers, published := of("POST /v1/bots/{bot}/commands"), of("publish botgate.events")
		found.attempts = of("process botgate.dispatch")
		if len(servers) != 1 || len(published) != 1 || len(found.attempts) == 0 {
			return fmt.Errorf("%d requests, %d publishes, %d attempts", len(servers), len(published), len(found.attempts))
		}
		found.server, found.publish = servers[0], published[0]
		last := found.attempts[len(found.attempts)-1]
		if last.Attribute("botgate.outcome") != "delivered" {
			return fmt.Errorf("the last of %d attempts is %v", len(found.attempts), last.Attribute("botgate.outcome"))
		}
		for _, span := range sink.Named("process botgate.record") {
			if span.LinksTo(found.publish) && len(span.ParentSpanId) == 0 {
				steps := sink.Steps(span)
				require.NotEmpty(t, steps, "what is written is a step")
				for name, step := range steps {
					require.Equal(t, "postgresql", step.Attribute("db.system.name"), name)
				}
				return nil
			}
		}
		return fmt.Errorf("event %s is in no span of record", id)
	})
	return found
}

// requirePost returns the request of an attempt, whose outcome is published as another step of it.
func requirePost(t *testing.T, sink *tracetest.Sink, attempt tracetest.Span) tracetest.Span {
	t.Helper()
	steps := sink.Steps(attempt)
	require.Contains(t, steps, "POST")
	require.Contains(t, steps, "publish botgate.events")
	return steps["POST"]
}

// requireQuery asks the API for an event. Its span is a step of that of the gateway, and what it asked is one of it.
func (s *stack) requireQuery(t *testing.T, sink *tracetest.Sink, token, id string) {
	t.Helper()
	const name = "GET /v1/events/{id}"
	eventually(t, func() error { // What record wrote may be what became of the event.
		if !slices.ContainsFunc(s.recorded(), func(r *store.Record) bool { return r.Event.ID == id }) {
			return fmt.Errorf("event %s is not recorded", id)
		}
		return nil
	})
	before := len(sink.Named(name))
	a, err := send(http.MethodGet, s.base+"/v1/events/"+id+"?fields=status", bearer(token), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.status)
	eventually(t, func() error {
		queries := sink.Named(name)
		if len(queries) == before {
			return fmt.Errorf("no span of the API")
		}
		query := queries[before]
		for _, request := range sink.Named("GET") {
			if query.ChildOf(request) {
				require.Equal(t, "botgate-backend", query.Service)
				require.Equal(t, "botgate", request.Service)
				require.Equal(t, "/v1/events/{id}", query.Attribute("http.route"))
				require.Equal(t, int64(http.StatusOK), query.Attribute("http.response.status_code"))
				cached := sink.Steps(query)["cache"]
				require.Equal(t, "miss", cached.Attribute("botgate.cache.memory"))
				steps := sink.Steps(cached)
				require.Contains(t, steps, "EVALSHA")
				require.Equal(t, "postgresql", steps["select events"].Attribute("db.system.name"))
				return nil
			}
		}
		return fmt.Errorf("no span of the gateway")
	})
}

// requireDistinct has both gateways have made spans of each name.
func requireDistinct(t *testing.T, sink *tracetest.Sink, names ...string) {
	t.Helper()
	for _, name := range names {
		instances := map[string]bool{}
		for _, span := range sink.Named(name) {
			instances[span.Instance] = true
		}
		require.Len(t, instances, 2, name)
	}
}

// requireRefusalInLog looks for the trace of a refused request in the security log.
func (s *stack) requireRefusalInLog(t *testing.T, sink *tracetest.Sink) {
	t.Helper()
	_, err := s.commandOf("demo", "no-token", "", []byte(`{"command":"/x"}`))
	require.NoError(t, err)
	eventually(t, func() error {
		for _, span := range sink.Named("POST /v1/bots/{bot}/commands") {
			if span.Attribute("http.response.status_code") == int64(http.StatusUnauthorized) {
				require.False(t, span.Failed(), "a refusal is no error of the server")
				require.Contains(t, s.gateway.output.String(), `"trace_id":"`+hex.EncodeToString(span.TraceId)+`"`)
				return nil
			}
		}
		return fmt.Errorf("no span of the refused request")
	})
}

// requireQuickStop stops everything while the collector takes requests and answers none, where an exporter would
// wait for half a minute.
func (s *stack) requireQuickStop(t *testing.T, sink *tracetest.Sink, token string, all ...*process) {
	t.Helper()
	sink.Hang()
	s.tracedCommand(t, token, "demo")
	eventually(t, func() error {
		if n := s.bot.distinct(); n != 2 {
			return fmt.Errorf("%d events", n)
		}
		return nil
	})
	for _, p := range all {
		began := time.Now()
		require.Zero(t, p.stop())
		require.Less(t, time.Since(began), 20*time.Second, p.cmd.Path)
	}
}
