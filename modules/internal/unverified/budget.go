// Package unverified bounds the memory that request bodies take before it is known who sends
// them, over all handlers of the process.
package unverified

import (
	"errors"
	"sync"
)

const (
	// DefaultLimit is the budget in bytes where none is configured: 40 MB, which is enough for the
	// largest body of a platform, 25 MB.
	DefaultLimit = 40_000_000
	// share is how much an address may hold of the budget, for each byte that it leaves free.
	share = 2
	// Free is how many bytes of each body do not count: the connection of a request takes more by
	// itself. Nearly all webhooks fit, so they get in however much strangers hold.
	Free = 16 << 10
)

// ErrFull means that a body takes more than is left: of the budget, or of its address' share.
var ErrFull = errors.New("too much is being received from unknown senders")

// Budget bounds what the bodies of unknown senders take together. An address may hold twice as much
// of it as it leaves free: one that fills it alone gets two thirds, two get two fifths each, and others
// still find room. It may be used concurrently.
type Budget struct {
	mu    sync.Mutex
	limit int64
	used  int64
	// held is what each address holds; only those that hold something are in it.
	held map[string]int64
	// spare are buffers to be used again.
	spare spare
}

// New returns a budget of so many bytes.
func New(limit int64) *Budget {
	return &Budget{limit: limit, held: map[string]int64{}, spare: spare{buffers: map[int][][]byte{}}}
}

// SetLimit changes the number of bytes. What is held already stays held.
func (b *Budget) SetLimit(limit int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.limit = limit
	limitBytes.Set(float64(limit))
}

// Lease returns a lease for the body of a request from that address; it holds nothing yet.
func (b *Budget) Lease(address string) *Lease {
	return &Lease{budget: b, address: address}
}

// take has the address hold so many bytes more, if that leaves enough free.
func (b *Budget) take(address string, n int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.check(address, n); err != nil {
		return err
	}
	b.add(address, n)
	return nil
}

// check says whether the address may hold so many bytes more. The mutex is held.
func (b *Budget) check(address string, n int64) error {
	if b.held[address]+n > share*(b.limit-b.used-n) {
		refusedTotal.Inc()
		return ErrFull
	}
	return nil
}

func (b *Budget) give(address string, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add(address, -n)
}

// add changes what the address holds. The mutex is held.
func (b *Budget) add(address string, n int64) {
	b.used += n
	if b.held[address] += n; b.held[address] == 0 {
		delete(b.held, address)
	}
	b.spare.shrink(b.room())
	usedBytes.Set(float64(b.used))
}

// room is how many bytes may be spare: with what is held they keep to the limit, and nothing is kept for
// nobody. The mutex is held.
func (b *Budget) room() int64 {
	if b.used == 0 {
		return 0
	}
	return max(0, b.limit-b.used)
}
