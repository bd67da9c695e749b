package idempotency

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFinishedKeyGivesTheFirstAnswer(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, one, other *Store) {
		key := newKey()
		claim := one.Begin(t.Context(), patient, key, body)
		require.Equal(t, First, claim.State)
		finish(one, claim, answer)
		for _, s := range []*Store{one, other, one} {
			again := s.Begin(t.Context(), patient, key, body)
			require.Equal(t, Repeat, again.State)
			require.Equal(t, answer, again.Answer, "byte for byte")
		}
		require.Equal(t, First, other.Begin(t.Context(), patient, newKey(), body).State, "another key")
	})
}

func TestKeyIsForOneRequest(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, one, other *Store) {
		key := newKey()
		claim := one.Begin(t.Context(), patient, key, body)
		require.Equal(t, Mismatch, other.Begin(t.Context(), patient, key, another).State, "in flight")
		one.Abandon(t.Context(), claim)
		require.Equal(t, Mismatch, other.Begin(t.Context(), patient, key, another).State, "failed: part of it may be done")
		claim = one.Begin(t.Context(), patient, key, body)
		finish(one, claim, answer)
		require.Equal(t, Mismatch, other.Begin(t.Context(), patient, key, another).State, "done")
		require.Equal(t, Repeat, other.Begin(t.Context(), patient, key, body).State, "and still the first one's")
	})
}

func TestClaimIsInFlightUntilItIsSettled(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, one, other *Store) {
		key := newKey()
		claim := one.Begin(t.Context(), patient, key, body)
		require.Equal(t, InFlight, other.Begin(t.Context(), patient, key, body).State)
		require.Equal(t, InFlight, one.Begin(t.Context(), patient, key, body).State)
		one.Abandon(t.Context(), claim)
		claim = other.Begin(t.Context(), patient, key, body)
		require.Equal(t, First, claim.State, "what failed is done again")
		require.Equal(t, InFlight, one.Begin(t.Context(), patient, key, body).State)
	})
}

func TestOneOfManyIsFirst(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, one, other *Store) {
		key := newKey()
		states := make(chan State, 32)
		var group sync.WaitGroup
		for i := range cap(states) {
			s := []*Store{one, other}[i%2]
			group.Go(func() { states <- s.Begin(t.Context(), patient, key, body).State })
		}
		group.Wait()
		close(states)
		counts := map[State]int{}
		for state := range states {
			counts[state]++
		}
		require.Equal(t, map[State]int{First: 1, InFlight: cap(states) - 1}, counts)
	})
}

// eventually begins until the key is free.
func eventually(t *testing.T, s *Store, terms Terms, key Key, request Fingerprint) Claim {
	t.Helper()
	var claim Claim
	require.Eventually(t, func() bool {
		claim = s.Begin(t.Context(), terms, key, request)
		return claim.State == First
	}, time.Minute, 5*time.Millisecond)
	return claim
}

// TestLostClaim is what remains of a gateway that was killed, or that took too long.
func TestLostClaim(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, one, other *Store) {
		brief := patient
		brief.Lease = 50 * time.Millisecond
		key := newKey()
		lost := one.Begin(t.Context(), brief, key, body)
		require.Equal(t, First, lost.State)
		later := eventually(t, other, patient, key, body)
		require.Equal(t, Mismatch, other.Begin(t.Context(), patient, key, another).State, "it stays the first one's")

		one.Abandon(t.Context(), lost)
		require.Equal(t, InFlight, one.Begin(t.Context(), patient, key, body).State, "not the lost claim's to end")
		finish(one, lost, Answer{Status: 202})
		require.Equal(t, InFlight, one.Begin(t.Context(), patient, key, body).State, "nor to finish")
		finish(other, later, answer)
		finish(one, lost, Answer{Status: 202})
		one.Abandon(t.Context(), lost)
		require.Equal(t, answer, other.Begin(t.Context(), patient, key, body).Answer)
	})
}

// TestLateFinish is of a claim whose lease is over and that nobody has taken since.
func TestLateFinish(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, one, other *Store) {
		brief := patient
		brief.Lease = time.Millisecond
		key := newKey()
		late := one.Begin(t.Context(), brief, key, body)
		finish(one, late, answer)
		require.Equal(t, answer, other.Begin(t.Context(), patient, key, body).Answer)
		one.Abandon(t.Context(), late)
		require.Equal(t, Repeat, other.Begin(t.Context(), patient, key, body).State, "what is done stays done")
	})
}

func TestKeyIsForgottenAfterItsWindow(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, one, other *Store) {
		brief := patient
		brief.Window = 50 * time.Millisecond
		key := newKey()
		finish(one, one.Begin(t.Context(), brief, key, body), answer)
		eventually(t, other, patient, key, another)

		marks := []Key{newKey()}
		mark(one, brief, marks, noon)
		require.Eventually(t, func() bool { return other.Seen(t.Context(), patient, marks)[0].IsZero() }, time.Minute, 5*time.Millisecond)
	})
}

// noon is when what is marked happened.
var noon = time.Date(2026, time.March, 1, 12, 0, 0, 1000, time.UTC)

func TestMarks(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, one, other *Store) {
		keys := []Key{newKey(), newKey(), newKey()}
		require.Equal(t, make([]time.Time, 3), one.Seen(t.Context(), patient, keys))
		mark(one, patient, []Key{keys[0], keys[2]}, noon)
		require.Equal(t, []time.Time{noon, {}, noon}, other.Seen(t.Context(), patient, keys))
		require.Empty(t, other.Seen(t.Context(), patient, nil))
	})
}

func TestRepeatsAreCounted(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, one, other *Store) {
		key := newKey()
		for n, s := range []*Store{one, other, one} {
			require.Equal(t, n+1, s.Count(t.Context(), patient, key))
		}
		require.Equal(t, 1, other.Count(t.Context(), patient, newKey()))
		mark(one, patient, []Key{key}, noon)
		require.Equal(t, 4, one.Count(t.Context(), patient, key), "beside the mark")
		brief := patient
		brief.Window = 50 * time.Millisecond
		key = newKey()
		require.Eventually(t, func() bool {
			one.Count(t.Context(), brief, key)
			<-time.After(brief.Window)
			return other.Count(t.Context(), brief, key) == 1
		}, time.Minute, time.Millisecond)
	})
}

func TestFirstIDStays(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, one, other *Store) {
		keys := []Key{newKey(), newKey()}
		require.Equal(t, []string{"a", "b"}, one.First(t.Context(), patient, keys, []string{"a", "b"}))
		require.Equal(t, []string{"b", "c", "a"}, other.First(t.Context(), patient, []Key{keys[1], newKey(), keys[0]}, []string{"x", "c", "y"}))
		ids := make(chan string, 32)
		key := newKey()
		var group sync.WaitGroup
		for i := range cap(ids) {
			s := []*Store{one, other}[i%2]
			group.Go(func() { ids <- s.First(t.Context(), patient, []Key{key}, []string{strconv.Itoa(i)})[0] })
		}
		group.Wait()
		for winner := <-ids; len(ids) > 0; {
			require.Equal(t, winner, <-ids, "one of many at once")
		}

		brief := patient
		brief.Window = 50 * time.Millisecond
		key = newKey()
		one.First(t.Context(), brief, []Key{key}, []string{"a"})
		require.Eventually(t, func() bool {
			return other.First(t.Context(), brief, []Key{key}, []string{"b"})[0] == "b"
		}, time.Minute, 5*time.Millisecond)
	})
}

func TestSenderWhoLeftIsSettledAllTheSame(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, one, other *Store) {
		gone, leave := context.WithCancel(t.Context())
		key, marks := newKey(), []Key{newKey()}
		claim := one.Begin(gone, patient, key, body)
		leave()
		finish(one, claim, answer)
		mark(one, patient, marks, noon)
		require.Equal(t, Repeat, other.Begin(t.Context(), patient, key, body).State)
		require.Equal(t, noon, other.Seen(t.Context(), patient, marks)[0])
	})
}

func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "202", "202 /x", "x /x\n"} {
		_, err := decode(text)
		require.ErrorIs(t, err, errRecord)
	}
}
