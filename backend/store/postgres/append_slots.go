package postgres

import (
	"math/bits"
	"math/rand/v2"
	"sync"
)

// slots gives each Append under way a number of its own, so that those of one process, and
// most likely those of others, do not wait for each other's rows of bot_stats. The lowest
// free one is taken, which keeps the rows few.
type slots struct {
	base  int32
	mutex sync.Mutex
	used  uint64
}

const slotBits = 6

func newSlots() *slots { return &slots{base: rand.Int32N(1<<16) << slotBits} }

// take returns a slot. When all 64 are in use, the last one is shared.
func (s *slots) take() int32 {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	n := min(bits.TrailingZeros64(^s.used), 1<<slotBits-1)
	s.used |= 1 << n
	return s.base | int32(n)
}

func (s *slots) free(slot int32) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.used &^= 1 << (slot - s.base)
}
