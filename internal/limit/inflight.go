package limit

import "math"

// Slot is a place among the requests of a key that are under way in this process.
type Slot struct {
	// Zone and Key say what is counted; ID is IDOf them.
	Zone, Key string
	ID        ID
	// Max is how many requests may be under way; at least 1.
	Max int
}

// underWay is how many requests of a key are under way. It never lapses.
type running int

func (running) lapses() float64 { return math.Inf(1) }

// inFlight counts the requests under way. They are bounded by the server, so no key is
// ever forgotten for want of room in practice; one that is starts again at none.
type inFlight struct{ counts *keyed[running] }

func newInFlight(maxKeys int) inFlight { return inFlight{newKeyed[running](maxKeys)} }

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

func (f inFlight) enter(slot Slot) bool {
	s := f.counts.shard(slot.ID)
	s.mu.Lock()
	defer s.mu.Unlock()
	n, _ := s.get(slot.ID)
	if int(n) >= slot.Max {
		return false
	}
	s.put(slot.ID, n+1, f.counts.perShard)
	return true
}

func (f inFlight) leave(slots []Slot) {
	for _, slot := range slots {
		s := f.counts.shard(slot.ID)
		s.mu.Lock()
		if n, ok := s.get(slot.ID); ok && n > 1 {
			s.values[slot.ID] = n - 1
		} else {
			delete(s.values, slot.ID)
		}
		s.mu.Unlock()
	}
}
