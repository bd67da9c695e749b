package postgres

import (
	"math/bits"
	"math/rand/v2"
	"sync"
)

// slots gives each running Append a different number, so that concurrent ones, most likely also
// of other processes, do not wait for each other's row locks in bot_stats. The lowest free number
// is taken, which keeps the rows few.
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
