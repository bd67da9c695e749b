package integration

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// TestProcessesHearOfEachOther has one process record and deliver, and two others answer. They
// remember what they read for longer than the test takes, unless they are told of changes.
func TestProcessesHearOfEachOther(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.env = append(s.env, "BOTGATE_CACHE_TTL=1h")
	s.useServices(testsvc.RabbitMQHost(t))
	s.startGateway()
	api := start(t, s.dir, s.env, backendBinary, "--roles", "api")
	second := s.backend("api")
	s.backend("record,dispatch")
	s.waitReady(s.api, api)
	s.waitReady(second.base, second)

	s.waitsForNotices(second)
	s.sharesSessions(second)
}

// waitsForNotices follows an event from a process that did not record it: on hold, then in the
// cache as it was, in a stream, and to its end.
func (s *stack) waitsForNotices(second *process) {
	s.t.Helper()
	var refuse atomic.Bool
	refuse.Store(true)
	s.bot.failWith(func(delivered) int {
		if refuse.Load() {
			return http.StatusServiceUnavailable
		}
		return 0
	})
	lines := s.stream("demo")
	id := s.accept("alice", hello)
	eventually(s.t, func() error {
		if status := s.statusAt(second, id); status != "failed" {
			return fmt.Errorf("status %q", status)
		}
		return nil
	})
	const longest = 25 * time.Second
	type held struct {
		answer
		err  error
		took time.Duration
	}
	waiting := make(chan held, 1)
	header := s.officer()
	go func() {
		began := time.Now()
		a, err := send(http.MethodGet, s.base+"/v1/events/"+id+"?wait="+longest.String(), header, nil)
		waiting <- held{a, err, time.Since(began)}
	}()
	refuse.Store(false)
	answered := <-waiting
	require.NoError(s.t, answered.err)
	require.Equal(s.t, http.StatusOK, answered.status, "%s", answered.body)
	require.Contains(s.t, string(answered.body), `"status":"delivered"`)
	require.Less(s.t, answered.took, longest, "it was told, and did not look when the time was over")
	s.t.Logf("a wait of %s was answered after %s", longest, answered.took.Round(time.Millisecond))
	eventually(s.t, func() error {
		if status := s.statusAt(second, id); status != "delivered" {
			return fmt.Errorf("status %q", status)
		}
		return nil
	})
	for line := range lines {
		if strings.Contains(line, id) && strings.Contains(line, `"status":"delivered"`) {
			return
		}
	}
	require.Fail(s.t, "the stream ended")
}

// statusAt asks one process; "" while the event is not recorded.
func (s *stack) statusAt(p *process, id string) string {
	s.t.Helper()
	a, err := send(http.MethodGet, p.base+"/v1/events/"+id, nil, nil)
	require.NoError(s.t, err)
	if a.status == http.StatusNotFound {
		return ""
	}
	var e struct{ Status string }
	a.json(s.t, &e)
	return e.Status
}

// sharesSessions writes a session at one process and goes on with it at another.
func (s *stack) sharesSessions(second *process) {
	s.t.Helper()
	const path = "/v1/sessions/demo/alice"
	written := s.do(http.MethodPut, path, []byte(`{"step":1,"name":"Alice"}`), http.StatusCreated)
	read, err := send(http.MethodGet, second.base+path, nil, nil)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, read.status, "%s", read.body)
	require.JSONEq(s.t, `{"step":1,"name":"Alice"}`, string(read.body))
	require.Equal(s.t, written.header.Get("ETag"), read.header.Get("ETag"))

	patch := http.Header{"Content-Type": {"application/merge-patch+json"}, "If-Match": {read.header.Get("ETag")}}
	patched, err := send(http.MethodPatch, second.base+path, patch, []byte(`{"step":2}`))
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, patched.status, "%s", patched.body)
	require.JSONEq(s.t, `{"step":2,"name":"Alice"}`, string(s.do(http.MethodGet, path, nil, http.StatusOK).body))
	late, err := send(http.MethodPatch, second.base+path, patch, []byte(`{"step":3}`))
	require.NoError(s.t, err)
	requireProblem(s.t, late, http.StatusPreconditionFailed, "")
}
