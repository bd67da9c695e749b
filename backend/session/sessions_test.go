package session_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/session"
)

var (
	key    = session.Key{Bot: "demo", User: "42"}
	always session.Condition
)

// fake is an engine with at most one session, or with an error for everything.
type fake struct {
	session.Engine
	there  *session.Session
	err    error
	sweeps chan int
}

func (f *fake) Load(context.Context, session.Key, time.Time) (*session.Session, error) {
	if f.err == nil && f.there == nil {
		return nil, session.ErrNotFound
	}
	return f.there, f.err
}

func (f *fake) Store(_ context.Context, next *session.Session, _ string) error {
	if f.err == nil {
		f.there = next
	}
	return f.err
}

func (f *fake) Sweep(ctx context.Context, _ time.Time, limit int) (int, error) {
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case n := <-f.sweeps:
		if n < 0 {
			return 0, session.ErrUnavailable
		}
		return min(n, limit), nil
	}
}

func with(t *testing.T, cfg session.Config) *session.Sessions {
	t.Helper()
	s, err := session.New(cfg)
	require.NoError(t, err)
	return s
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := with(t, session.Config{Engine: &fake{}, TTL: time.Minute, MaxTTL: time.Hour, MaxSize: 10})
	for name, tc := range map[string]struct {
		key      session.Key
		document string
		ttl      time.Duration
		want     error
	}{
		"no bot":        {session.Key{User: "42"}, `{}`, 0, session.ErrKey},
		"no user":       {session.Key{Bot: "demo"}, `{}`, 0, session.ErrKey},
		"NUL":           {session.Key{Bot: "demo", User: "a\x00b"}, `{}`, 0, session.ErrKey},
		"no UTF-8":      {session.Key{Bot: "demo", User: "\xff"}, `{}`, 0, session.ErrKey},
		"long":          {session.Key{Bot: "demo", User: strings.Repeat("x", 513)}, `{}`, 0, session.ErrKey},
		"no object":     {key, `[]`, 0, session.ErrDocument},
		"too large":     {key, `{"a":12345}`, 0, session.ErrTooLarge},
		"ttl too short": {key, `{}`, time.Millisecond, session.ErrTTL},
		"ttl negative":  {key, `{}`, -time.Minute, session.ErrTTL},
		"ttl too long":  {key, `{}`, time.Hour + 1, session.ErrTTL},
	} {
		_, _, err := s.Put(t.Context(), tc.key, []byte(tc.document), tc.ttl, always)
		require.ErrorIs(t, err, tc.want, name)
		_, _, err = s.Patch(t.Context(), tc.key, []byte(tc.document), tc.ttl, always)
		require.ErrorIs(t, err, tc.want, name)
		if errors.Is(tc.want, session.ErrKey) {
			_, err = s.Get(t.Context(), tc.key)
			require.ErrorIs(t, err, tc.want, name)
			require.ErrorIs(t, s.Delete(t.Context(), tc.key, always), tc.want, name)
		}
	}
	require.ErrorIs(t, s.DeleteUser(t.Context(), ""), session.ErrKey)
	for _, err := range s.ListUser(t.Context(), "\xff") {
		require.ErrorIs(t, err, session.ErrKey)
	}
}

func TestPatchesDoNotOutgrowTheSize(t *testing.T) {
	t.Parallel()
	s := with(t, session.Config{Engine: &fake{}, MaxSize: 10})
	_, _, err := s.Patch(t.Context(), key, []byte(`{"a":1}`), 0, always)
	require.NoError(t, err)
	_, _, err = s.Patch(t.Context(), key, []byte(`{"b":1}`), 0, always)
	require.ErrorIs(t, err, session.ErrTooLarge)
	got, err := s.Get(t.Context(), key)
	require.NoError(t, err)
	require.Equal(t, `{"a":1}`, string(got.Data))
}

func TestTTLBounds(t *testing.T) {
	t.Parallel()
	for _, cfg := range []session.Config{{TTL: time.Hour, MaxTTL: time.Minute}, {TTL: time.Millisecond}, {TTL: -1}} {
		_, err := session.New(cfg)
		require.ErrorIs(t, err, session.ErrTTL)
	}
}

// TestBusy has an engine on which another writer is always faster.
func TestBusy(t *testing.T) {
	t.Parallel()
	s := with(t, session.Config{Engine: &conflicting{}})
	_, _, err := s.Put(t.Context(), key, []byte(`{}`), 0, always)
	require.ErrorIs(t, err, session.ErrBusy)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = s.Put(ctx, key, []byte(`{}`), 0, always)
	require.ErrorIs(t, err, context.Canceled)
}

type conflicting struct{ fake }

func (*conflicting) Store(context.Context, *session.Session, string) error {
	return session.ErrConflict
}

func TestRun(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	f := &fake{sweeps: make(chan int)}
	s := with(t, session.Config{Engine: f, Registerer: registry})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	for range 3 { // It goes on at once while there is more.
		f.sweeps <- 1000
	}
	cancel()
	require.NoError(t, <-ended)

	go func() { ended <- s.Run(t.Context()) }()
	f.sweeps <- -1
	require.ErrorIs(t, <-ended, session.ErrUnavailable)
	require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP botgate_session_expired_total Expired sessions removed from the database; Redis removes them by itself.
# TYPE botgate_session_expired_total counter
botgate_session_expired_total 600
`), "botgate_session_expired_total"))
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	f := &fake{}
	s := with(t, session.Config{Engine: f, Registerer: registry})
	_, err := s.Get(t.Context(), key)
	require.ErrorIs(t, err, session.ErrNotFound)
	_, _, err = s.Put(t.Context(), key, []byte(`{}`), 0, always)
	require.NoError(t, err)
	_, _, err = s.Patch(t.Context(), key, []byte(`{}`), 0, session.Condition{Missing: true})
	require.ErrorIs(t, err, session.ErrCondition)
	_, _, err = s.Patch(t.Context(), key, []byte(`x`), 0, always)
	require.ErrorIs(t, err, session.ErrDocument)
	f.err = session.ErrUnavailable
	require.ErrorIs(t, s.Delete(t.Context(), key, always), session.ErrUnavailable)
	families, err := registry.Gather()
	require.NoError(t, err)
	counted, series := map[string]float64{}, 0
	for _, f := range families {
		if f.GetName() != "botgate_session_operations_total" {
			continue
		}
		series = len(f.GetMetric())
		for _, m := range f.GetMetric() {
			if n := m.GetCounter().GetValue(); n > 0 {
				counted[m.GetLabel()[0].GetValue()+" "+m.GetLabel()[1].GetValue()] = n
			}
		}
	}
	require.Equal(t, map[string]float64{"delete failed": 1, "get missing": 1, "patch condition": 1, "patch refused": 1, "put ok": 1}, counted)
	require.Equal(t, 36, series, "all are there from the start")
}
