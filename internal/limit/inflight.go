package limit

import (
	"math"
	"time"

	"github.com/botgate/botgate/internal/expiring"
)

// Slot is a place among the requests of a key that are under way in this process.
type Slot struct {
	// Zone and Key say what is counted; ID is IDOf them.
	Zone, Key string
	ID        ID
	// Max is how many requests may be under way; at least 1.
	Max int
}

// inFlight counts the requests of each key that are under way. They are bounded by the server,
// so in practice the map never evicts a key; one that it evicts counts from 0 again.
type inFlight struct{ counts *expiring.Map[ID, int] }

func newInFlight(maxKeys int) inFlight {
	return inFlight{expiring.New[ID](maxKeys, func(int) time.Duration { return math.MaxInt64 })}
}

// Enter takes all slots or none. It returns the index of the slot that is not free, or
// -1 and the function that gives the slots back.
func (l *Limiter) Enter(slots []Slot) (leave func(), refused int) {
	for i := range slots {
		if !l.inFlight.enter(slots[i]) {
			l.inFlight.leave(slots[:i])
			l.topKeys.note(&Take{Zone: slots[i].Zone, Key: slots[i].Key, ID: slots[i].ID}, l.now())
			return nil, i
		}
	}
	return func() { l.inFlight.leave(slots) }, -1
}

func (f inFlight) enter(slot Slot) (entered bool) {
	f.counts.Update(slot.ID, func(n int, _ bool) (int, bool) {
		if entered = n < slot.Max; entered {
			n++
		}
		return n, n > 0
	})
	return entered
}

func (f inFlight) leave(slots []Slot) {
	for _, slot := range slots {
		f.counts.Update(slot.ID, func(n int, _ bool) (int, bool) { return n - 1, n > 1 })
	}
}
