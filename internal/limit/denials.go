package limit

// denial is what Redis said last about a key that refused. A refused call writes
// nothing, so that stays true until then for everybody who asks for as much or more.
type denial struct {
	until, full float64 // when a retry may succeed, and when the allowance is full
	cost        int
}

func (d denial) lapses() float64 { return d.until }

// denials remembers refusals, so that somebody who keeps knocking costs no round trip.
type denials struct{ known *keyed[denial] }

// refuse fills in the result of the first key that is known to refuse.
func (d denials) refuse(takes []Take, results []Result, now float64) bool {
	for i := range takes {
		t := &takes[i]
		known, ok := d.known.read(t.ID)
		if !ok || t.cost() < known.cost {
			continue
		}
		if now < known.until {
			results[i] = Result{Known: true, RetryAfter: seconds(known.until - now), ResetAfter: seconds(known.full - now)}
			return true
		}
	}
	return false
}

// note remembers the refusals among the results of a call that was made at asked: what
// Redis counted from is no earlier, so nobody is refused too long.
func (d denials) note(takes []Take, results []Result, asked float64) {
	for i, r := range results {
		if !r.Allowed {
			d.known.write(takes[i].ID, denial{until: asked + r.RetryAfter.Seconds(), full: asked + r.ResetAfter.Seconds(), cost: takes[i].cost()})
		}
	}
}
