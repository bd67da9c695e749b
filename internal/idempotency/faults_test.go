package idempotency

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testlog"
	"github.com/botgate/botgate/internal/testsvc"
)

// short are terms that go on quickly without Redis.
var short = Terms{Window: time.Hour, Lease: time.Hour, Budget: 100 * time.Millisecond}

// sharedAgain waits until Redis decides, and returns the claim of a new key that it decided about.
func sharedAgain(t *testing.T, s *Store) (claim Claim) {
	t.Helper()
	require.Eventually(t, func() bool {
		claim = s.Begin(t.Context(), short, newKey(), body)
		return !claim.local
	}, time.Minute, 20*time.Millisecond)
	return claim
}

func warnings(log *testlog.Buffer) int { return strings.Count(log.String(), "level=WARN") }

// requireOneWarning finds one since the fault, or those of before: on a busy machine Redis may have been slow then.
func requireOneWarning(t *testing.T, log *testlog.Buffer, before int) {
	t.Helper()
	require.Contains(t, []int{max(1, before), before + 1}, warnings(log))
}

// TestRedisUnavailable finds each gateway going on with what it knows itself.
func TestRedisUnavailable(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct{ begin, end func(*testsvc.Server) }{
		"killed": {(*testsvc.Server).Kill, (*testsvc.Server).Restart},
		"hung":   {(*testsvc.Server).Pause, (*testsvc.Server).Resume},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testsvc.StartRedis(t)
			// The client's own timeouts are no help here: the budget has to be.
			s, log := newStore(t, server.URL+"?read_timeout=1m&dial_timeout=1m")
			claim, marks := sharedAgain(t, s), []Key{newKey()}
			slow := warnings(log)
			fault.begin(server)

			began := time.Now()
			finish(s, claim, answer)
			key := newKey()
			finish(s, s.Begin(t.Context(), short, key, body), answer)
			mark(s, short, marks, noon)
			requireKnown := func() {
				require.Equal(t, answer, s.Begin(t.Context(), short, claim.key, body).Answer, "begun with Redis, done without")
				require.Equal(t, answer, s.Begin(t.Context(), short, key, body).Answer)
				require.Equal(t, Mismatch, s.Begin(t.Context(), short, key, another).State)
				require.Equal(t, []time.Time{noon}, s.Seen(t.Context(), short, marks))
			}
			requireKnown()
			failed := s.Begin(t.Context(), short, newKey(), body)
			require.True(t, failed.local)
			s.Abandon(t.Context(), failed)
			require.Equal(t, First, s.Begin(t.Context(), short, failed.key, body).State)
			require.Less(t, time.Since(began), time.Minute, "the budget bounds the wait, not the client's timeouts")
			requireOneWarning(t, log, slow)

			fault.end(server)
			sharedAgain(t, s)
			requireKnown()
		})
	}
}

// TestAnswerThatComesTooLate is of a claim that Redis has although the caller went on without it.
func TestAnswerThatComesTooLate(t *testing.T) {
	t.Parallel()
	one, _ := newStore(t, testsvc.Redis(t))
	other, _ := newStore(t, testsvc.Redis(t))
	claim := one.Begin(t.Context(), patient, newKey(), body)
	claim.local = true
	require.Equal(t, InFlight, other.Begin(t.Context(), patient, claim.key, body).State)
	finish(one, claim, answer)
	require.Equal(t, Repeat, other.Begin(t.Context(), patient, claim.key, body).State)

	again := Claim{key: newKey(), print: body, token: 1, terms: patient}
	for range 2 {
		require.NoError(t, one.ask(t.Context(), &again))
		require.Equal(t, First, again.State, "the client asks again when the connection broke")
	}
}

// TestRedisThatForgets finds the work done again where nothing is known of it any more.
func TestRedisThatForgets(t *testing.T) {
	t.Parallel()
	server := testsvc.StartRedis(t)
	s, _ := newStore(t, server.URL)
	claim := s.Begin(t.Context(), patient, newKey(), body)
	require.NoError(t, s.shared.pipe.Client().FlushAll(t.Context()).Err())
	finish(s, claim, answer)
	require.Equal(t, First, s.Begin(t.Context(), patient, claim.key, body).State)
}

// TestRedisIsToldLater has a Redis that gets to know nothing before those who work have gone on.
func TestRedisIsToldLater(t *testing.T) {
	t.Parallel()
	server := testsvc.StartRedis(t)
	one, _ := newStore(t, server.URL)
	other, _ := newStore(t, server.URL)
	claim, marks := one.Begin(t.Context(), patient, newKey(), body), []Key{newKey()}
	require.Equal(t, First, claim.State)
	server.Pause()
	one.Finish(claim, answer)
	one.Mark(patient, marks, noon)
	require.Equal(t, answer, one.Begin(t.Context(), patient, claim.key, body).Answer, "who did it knows at once")
	require.Equal(t, Mismatch, one.Begin(t.Context(), patient, claim.key, another).State)
	require.Equal(t, []time.Time{noon}, one.Seen(t.Context(), patient, marks))
	server.Resume()
	one.telling.Wait()
	require.Zero(t, one.local.entries.Len(), "what all know is not kept twice")
	require.Equal(t, answer, other.Begin(t.Context(), patient, claim.key, body).Answer)
	require.Equal(t, []time.Time{noon}, other.Seen(t.Context(), patient, marks))
}

// TestNobodyWorksTwiceMeanwhile asks another gateway while Redis is told that the work is done.
func TestNobodyWorksTwiceMeanwhile(t *testing.T) {
	t.Parallel()
	one, _ := newStore(t, testsvc.StartDistant(t, testsvc.Redis(t), time.Millisecond).URL)
	other, _ := newStore(t, testsvc.Redis(t))
	for range 50 {
		claim := one.Begin(t.Context(), patient, newKey(), body)
		one.Finish(claim, answer)
		require.Contains(t, []State{Repeat, InFlight}, other.Begin(t.Context(), patient, claim.key, body).State)
		require.Eventually(t, func() bool {
			return other.Begin(t.Context(), patient, claim.key, body).State == Repeat
		}, time.Minute, time.Millisecond)
	}
}

func TestCloseWaitsUntilRedisWasTold(t *testing.T) {
	t.Parallel()
	one, _ := newStore(t, testsvc.Redis(t))
	other, _ := newStore(t, testsvc.Redis(t))
	claim := one.Begin(t.Context(), patient, newKey(), body)
	one.Finish(claim, answer)
	require.NoError(t, one.Close())
	require.Equal(t, Repeat, other.Begin(t.Context(), patient, claim.key, body).State)
}
