package integration

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// jobShown is what the API shows of a job.
type jobShown struct {
	ID, Status string
	Done       int64
	ResultPath string `json:"result_path"`
	Error      string
}

// newStackWithFiles is a new stack with a folder for the files of jobs and for large bodies.
func newStackWithFiles(t *testing.T) *stack {
	t.Helper()
	s := newStack(t)
	s.env = append(s.env, "BOTGATE_BLOB_URL=file:"+filepath.Join(s.dir, "data", "blobs"))
	return s
}

// TestExportThroughTheGateway asks for an export before anybody works on jobs, and finds each
// event once in its file.
func TestExportThroughTheGateway(t *testing.T) {
	t.Parallel()
	s := newStackWithFiles(t)
	s.startServices()
	alice, bob := s.acceptMany("alice", 30), s.acceptMany("bob", 5)
	s.awaitAll(append(alice, bob...)...)
	asked := s.export(`{"kind":"export","filter":{"user":"alice"}}`)
	require.Equal(t, "queued", asked.Status)
	s.backend("jobs")
	done := s.awaitJob(asked.ID, func(j jobShown) bool { return j.Status == "done" })
	require.EqualValues(t, len(alice), done.Done)
	slices.Reverse(alice)
	require.Equal(t, alice, s.exported(done))
	s.do(http.MethodDelete, "/v1/jobs/"+done.ID, nil, http.StatusConflict)
}

// TestChaosExport kills the process that works on an export in the middle of it;
// another one goes on once the lease of the first is over, which takes half a minute.
func TestChaosExport(t *testing.T) {
	if !chaosWanted() {
		t.Skip("part of make chaos")
	}
	s := newStackWithFiles(t)
	s.startServices()
	ids := s.acceptLarge(300, 200<<10)
	s.awaitAll(ids...)
	first := s.backend("jobs")
	asked := s.export(`{"kind":"export","filter":{"bot":"demo"}}`)
	begun := s.awaitJob(asked.ID, func(j jobShown) bool { return j.Done > 0 })
	first.kill()
	require.Equal(t, "running", begun.Status)
	killed := time.Now()
	s.backend("jobs")
	s.awaitJob(asked.ID, func(j jobShown) bool { return j.Done > begun.Done })
	done := s.awaitJob(asked.ID, func(j jobShown) bool { return j.Status == "done" })
	t.Logf("killed when %d of %d events were written, and done %s later", begun.Done, len(ids), time.Since(killed).Round(time.Second))
	require.EqualValues(t, len(ids), done.Done)
	require.ElementsMatch(t, ids, s.exported(done))
}

// acceptLarge sends commands that are large and not to be compressed.
func (s *stack) acceptLarge(n, size int) []string {
	s.t.Helper()
	ids := make([]string, n)
	for i := range ids {
		noise := make([]byte, size)
		for k := range noise {
			noise[k] = 'a' + byte(rand.IntN(26))
		}
		ids[i] = s.accept(fmt.Sprint("user-", i%7), fmt.Appendf(nil, `{"command":"/large","args":["%s"]}`, noise))
	}
	return ids
}

// export asks for a job.
func (s *stack) export(body string) (asked jobShown) {
	s.t.Helper()
	a := s.do(http.MethodPost, "/v1/jobs", []byte(body), http.StatusAccepted)
	a.json(s.t, &asked)
	require.Equal(s.t, "/v1/jobs/"+asked.ID, a.header.Get("Location"))
	return asked
}

// awaitJob waits until the API shows a job as reached wants it.
func (s *stack) awaitJob(id string, reached func(jobShown) bool) (shown jobShown) {
	s.t.Helper()
	eventually(s.t, func() error {
		s.do(http.MethodGet, "/v1/jobs/"+id, nil, http.StatusOK).json(s.t, &shown)
		if shown.Error != "" || !reached(shown) {
			return fmt.Errorf("%+v", shown)
		}
		return nil
	})
	return shown
}

// exported returns the ids of the events in a job's file, in order. Each is shown as it was
// delivered, with its body.
func (s *stack) exported(done jobShown) (ids []string) {
	s.t.Helper()
	file := string(s.do(http.MethodGet, done.ResultPath, nil, http.StatusOK).body)
	for line := range strings.Lines(file) {
		var e struct {
			ID, Status string
			Data       struct{ Command string }
		}
		require.NoError(s.t, json.Unmarshal([]byte(line), &e), line)
		require.Equal(s.t, "delivered", e.Status)
		require.NotEmpty(s.t, e.Data.Command)
		ids = append(ids, e.ID)
	}
	return ids
}
