package limit

// lot is what was taken of a key's allowance and not spent yet. It is forgotten when the
// allowance would be full again without it.
type lot struct {
	left  int
	until float64
}

func (l lot) lapses() float64 { return l.until }

// lots holds what this process took in lots.
type lots struct {
	clock
	held *keyed[lot]
}

// spend takes the cost from the key's lot, if there is that much, and says what is left.
func (l *lots) spend(t *Take) (Result, bool) {
	s := l.held.shard(t.ID)
	s.mu.Lock()
	defer s.mu.Unlock()
	have, ok := s.get(t.ID)
	now := l.now()
	if !ok || have.left < t.cost() || have.until <= now {
		return Result{}, false
	}
	have.left -= t.cost()
	s.put(t.ID, have, l.held.perShard)
	return Result{Known: true, Allowed: true, Remaining: have.left, ResetAfter: seconds(have.until - now)}, true
}

// add puts something into the key's lot.
func (l *lots) add(t *Take, n int, until float64) {
	s := l.held.shard(t.ID)
	s.mu.Lock()
	defer s.mu.Unlock()
	if have, ok := s.get(t.ID); ok && have.until > l.now() {
		n += have.left
		until = max(until, have.until)
	}
	s.put(t.ID, lot{left: n, until: until}, l.held.perShard)
}
