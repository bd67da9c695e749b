package idempotency

import (
	"crypto/sha256"
	"log/slog"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/sharedstate"
)

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	const maxKeys = 1024
	s := New(sharedstate.Config{MaxKeys: maxKeys, Logger: slog.New(slog.DiscardHandler)})
	defer func() { require.NoError(t, s.Close()) }()
	for range 20 * maxKeys {
		finish(s, s.Begin(t.Context(), patient, newKey(), body), answer)
		mark(s, patient, []Key{newKey()}, noon)
	}
	require.LessOrEqual(t, s.local.entries.Len(), maxKeys)
	last := newKey()
	s.Begin(t.Context(), patient, last, body)
	require.Equal(t, InFlight, s.Begin(t.Context(), patient, last, body).State, "the newest is not what is forgotten")
}

// TestBytesPerKey measures what Config.MaxKeys promises.
func TestBytesPerKey(t *testing.T) {
	const n = 100_000
	s := New(sharedstate.Config{MaxKeys: 2 * n, Logger: slog.New(slog.DiscardHandler)})
	defer func() { require.NoError(t, s.Close()) }()
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for i := range n {
		id := uuid.NewString()
		a := Answer{Status: 202, Location: "/v1/events/" + id, Body: []byte(`{"id":"` + id + `","status":"accepted"}`)}
		finish(s, s.Begin(t.Context(), patient, sha256.Sum256([]byte(strconv.Itoa(i))), body), a)
	}
	each := (heap() - before) / n
	t.Logf("%d bytes for each key", each)
	require.Less(t, each, uint64(512))
	require.Equal(t, n, s.local.entries.Len())
}

func TestWhatIsOverIsSwept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := newStore(t, "")
		brief := patient
		brief.Window = time.Second
		s.Begin(t.Context(), brief, newKey(), body)
		s.Begin(t.Context(), patient, newKey(), body)
		<-time.After(sweepEvery)
		synctest.Wait()
		require.Equal(t, 1, s.local.entries.Len())
	})
}
