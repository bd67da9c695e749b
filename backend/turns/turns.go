// Package turns says what goes first where a bot's bulk waits beside its other events.
package turns

// every is how often it is the turn of bulk while others wait, too: once in so many times. So it is never left out for good.
const every = 16

// Turns are those at one bot. The zero value is ready to use; it has no lock.
type Turns struct {
	passed int // How often bulk was passed over since it last went.
}

// IsOfBulk reports whether bulk goes next, of what waits.
func (t *Turns) IsOfBulk(others, bulk bool) bool { return bulk && (!others || t.passed >= every-1) }

// Went notes what went, and whether bulk waited meanwhile.
func (t *Turns) Went(isBulk, waited bool) {
	switch {
	case isBulk:
		t.passed = 0
	case waited:
		t.passed++
	}
}
