package idempotency

import (
	"context"
	"math/rand/v2"

	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/internal/redisclient"
)

// Reservation is a claim that is asked for in the round trip of something else, before it is known whether there
// is work to do. It ends with [Store.Claimed] or [Store.Withdraw].
type Reservation struct {
	claim Claim
	cmd   *redis.StringCmd
	call  *redisclient.Call
}

// Reserve claims a key for a request, or returns nil where this process knows what became of it, or Redis is not to
// be asked. The call has to be sent.
func (s *Store) Reserve(t Terms, key Key, request Fingerprint) *Reservation {
	r := &Reservation{claim: Claim{key: key, print: request, token: rand.Uint64(), terms: t}}
	if s.shared == nil || s.local.done(&r.claim) || !s.Breaker.Admits() {
		return nil
	}
	r.cmd = s.shared.begin(&r.claim)
	r.call = redisclient.NewCall(t.Budget, r.cmd)
	return r
}

// Call is what has to be sent.
func (r *Reservation) Call() *redisclient.Call { return r.call }

// Is reports whether the reservation is that of the request under the key.
func (r *Reservation) Is(key Key, request Fingerprint) bool {
	return r.claim.key == key && r.claim.print == request
}

// Claimed is the claim that was reserved, as [Store.Begin] returns it.
func (s *Store) Claimed(ctx context.Context, r *Reservation) Claim {
	err := s.answered(ctx, r)
	return s.decided(ctx, r.claim, err)
}

func (s *Store) answered(ctx context.Context, r *Reservation) error {
	err := r.call.Wait(ctx)
	s.Breaker.Report(ctx, err)
	if err != nil {
		return err
	}
	return r.claim.read(r.cmd.Val())
}

// Withdraw gives a key free whose request is not worked on: as if it had never been claimed, where nobody had it
// before.
func (s *Store) Withdraw(ctx context.Context, r *Reservation) {
	ctx = context.WithoutCancel(ctx) // That the sender left gives nothing free.
	err := s.answered(ctx, r)
	if err == nil && r.claim.State != First {
		return // It is somebody else's.
	}
	if err == nil {
		settle := s.shared.settle(&r.claim, withdrawn) //nolint:contextcheck // Its call ends with it.
		err = s.do(ctx, r.claim.terms.Budget, settle)
	}
	if err != nil { // Redis may have got the claim, without an answer too.
		settle := s.shared.settle(&r.claim, withdrawn)  //nolint:contextcheck // Nobody waits for it.
		s.tell(r.claim.terms.Budget, func() {}, settle) //nolint:contextcheck // Nobody waits for it.
	}
}
