package limit

// denyCache remembers refusals, so that somebody who keeps knocking costs no round trip. It has
// the arrival time that Redis returned for a key when it refused. As that never goes back, and
// a refused call writes nothing, it says for any cost and any limit until when Redis would
// refuse at least.
type denyCache struct{ known arrivals }

// refuse fills in the result of the first key that is known to refuse.
func (d denyCache) refuse(takes []Take, results []Result, now float64) bool {
	for i := range takes {
		t := &takes[i]
		tat, ok := d.known.Get(t.ID)
		if !ok {
			continue
		}
		if r, _ := newBucket(t.Limit, 1).take(float64(tat), now, float64(t.cost())); !r.Allowed {
			results[i] = r
			return true
		}
	}
	return false
}

// note remembers the refusals among the results of a call that was made at asked: what
// Redis counted from is no earlier, so nobody is refused too long.
func (d denyCache) note(takes []Take, results []Result, asked float64) {
	for i, r := range results {
		if !r.Allowed {
			d.known.Set(takes[i].ID, arrival(asked+r.ResetAfter.Seconds()))
		}
	}
}
