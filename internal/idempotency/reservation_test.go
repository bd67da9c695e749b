package idempotency

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// reserve reserves a key and sends that.
func reserve(t *testing.T, s *Store, key Key, request Fingerprint) *Reservation {
	t.Helper()
	r := s.Reserve(patient, key, request)
	require.NotNil(t, r)
	s.shared.pipe.Send(r.Call())
	return r
}

func TestReservedKeyIsClaimed(t *testing.T) {
	t.Parallel()
	one, _ := newStore(t, testsvc.Redis(t))
	other, _ := newStore(t, testsvc.Redis(t))
	key := newKey()
	r := reserve(t, one, key, body)
	require.True(t, r.Is(key, body))
	require.False(t, r.Is(key, another))
	require.False(t, r.Is(newKey(), body))
	claim := one.Claimed(t.Context(), r)
	require.Equal(t, First, claim.State)
	require.Equal(t, InFlight, other.Claimed(t.Context(), reserve(t, other, key, body)).State)
	require.Equal(t, Mismatch, other.Claimed(t.Context(), reserve(t, other, key, another)).State)
	finish(one, claim, answer)
	require.Equal(t, answer, other.Claimed(t.Context(), reserve(t, other, key, body)).Answer)
}

// TestWithdrawnKeyIsAsItWas finds a key free for any request where nobody had it before, and its request's otherwise.
func TestWithdrawnKeyIsAsItWas(t *testing.T) {
	t.Parallel()
	one, _ := newStore(t, testsvc.Redis(t))
	other, _ := newStore(t, testsvc.Redis(t))
	key := newKey()
	one.Withdraw(t.Context(), reserve(t, one, key, body))
	claim := other.Begin(t.Context(), patient, key, another)
	require.Equal(t, First, claim.State, "as if nobody had asked")

	one.Withdraw(t.Context(), reserve(t, one, key, another))
	require.Equal(t, InFlight, one.Begin(t.Context(), patient, key, another).State, "not the one's to give free")
	other.Abandon(t.Context(), claim)
	one.Withdraw(t.Context(), reserve(t, one, key, another))
	require.Equal(t, Mismatch, one.Begin(t.Context(), patient, key, body).State, "part of it may have been done")
	claim = one.Begin(t.Context(), patient, key, another)
	require.Equal(t, First, claim.State)
	finish(one, claim, answer)
	other.Withdraw(t.Context(), reserve(t, other, key, another))
	require.Equal(t, Repeat, other.Begin(t.Context(), patient, key, another).State, "what is done stays done")
}

// TestReservationWithoutAnAnswer goes on without Redis, and gives the key free when Redis is back.
func TestReservationWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	server := testsvc.StartRedis(t)
	one, _ := newStore(t, server.URL)
	other, _ := newStore(t, server.URL)
	sharedAgain(t, one)
	kept, given := newKey(), newKey()
	server.Pause()
	for key, f := range map[Key]func(*Reservation){
		kept:  func(r *Reservation) { require.Equal(t, First, one.Claimed(t.Context(), r).State) },
		given: func(r *Reservation) { one.Withdraw(t.Context(), r) },
	} {
		r := one.Reserve(short, key, body)
		one.shared.pipe.Send(r.Call())
		f(r)
	}
	require.Equal(t, InFlight, one.Begin(t.Context(), short, kept, body).State, "by what this process knows")
	server.Resume()
	require.Eventually(t, func() bool {
		return other.Begin(t.Context(), patient, given, another).State != InFlight
	}, time.Minute, 10*time.Millisecond)
}

func TestNothingIsReservedWithoutRedis(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t, "")
	require.Nil(t, s.Reserve(patient, newKey(), body))
	shared, _ := newStore(t, testsvc.Redis(t))
	claim := shared.Begin(t.Context(), patient, newKey(), body)
	claim.local = true
	shared.Finish(claim, answer)
	require.Nil(t, shared.Reserve(patient, claim.key, body), "this process knows the answer")
}
