package pull

import (
	"slices"
	"time"

	"github.com/botgate/botgate/backend/turns"
)

// line is what a ledger has of one bot. It has no lock: it belongs to that of the ledger.
type line struct {
	waiting []*Offer // In the order in which they are lent, but for the turns of bulk, which is behind the others.
	turns   turns.Turns
	lent    map[string]*Offer // By receipt.
	keys    map[string]int    // How many are lent of each order key: one at most, as far as the queue goes.
	bytes   int               // The bodies of all that is lent.
	bulkOut int               // How much of what is lent is bulk.
	// settled are the last receipts that were, in their order.
	settled map[string]bool
	order   []string
	// gone is set while the bot does not pull any more.
	gone bool
	// pollers are those who wait, and polled is when somebody last asked, or when the bot came.
	pollers int
	polled  time.Time
	// changed is closed when those who wait are to look again.
	changed chan struct{}
}

func newLine(now time.Time) *line {
	return &line{
		lent: map[string]*Offer{}, keys: map[string]int{}, settled: map[string]bool{}, polled: now, changed: make(chan struct{}),
	}
}

// wake has those who wait for the bot's events look again.
func (l *line) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *line) isEmpty() bool { return len(l.waiting) == 0 && len(l.lent) == 0 && l.pollers == 0 }

// next is where the first one stands that may be lent, -1 for none.
func (l *line) next(types Types, from int) int {
	if len(l.lent) >= maxLeased || l.bytes >= maxLeasedBytes {
		return -1
	}
	bulk := l.bulk()
	if l.turns.IsOfBulk(bulk > 0, bulk < len(l.waiting)) {
		if n := l.first(types, max(bulk, from)); n >= 0 {
			return n
		}
	}
	return l.first(types, from)
}

// first is the first one from a place on that may be lent, -1 for none.
func (l *line) first(types Types, from int) int {
	for n := from; n < len(l.waiting); n++ {
		o := l.waiting[n]
		fits := len(l.lent) == 0 || l.bytes+o.size() <= maxLeasedBytes
		if o.delivery.Event.IsBulk() && l.bulkOut >= maxLeasedBulk {
			return -1
		}
		if fits && l.keys[o.key()] == 0 && types.Match(o.delivery.Event.Type) && o.may() {
			return n
		}
	}
	return -1
}

// bulk is where bulk begins in what waits.
func (l *line) bulk() int {
	at, _ := slices.BinarySearchFunc(l.waiting, true, func(o *Offer, _ bool) int {
		if o.delivery.Event.IsBulk() {
			return 0
		}
		return -1
	})
	return at
}

// stand has an offer wait: behind those of its class, or before them.
func (l *line) stand(o *Offer, first bool) {
	begin, end := 0, l.bulk()
	if o.delivery.Event.IsBulk() {
		begin, end = end, len(l.waiting)
	}
	if first {
		end = begin
	}
	l.waiting = slices.Insert(l.waiting, end, o)
}

// lend takes the one at a place out of those that wait.
func (l *line) lend(at int, receipt string) *Offer {
	o := l.waiting[at]
	l.turns.Went(o.delivery.Event.IsBulk(), l.bulk() < len(l.waiting))
	l.waiting = slices.Delete(l.waiting, at, at+1)
	o.receipt = receipt
	l.lent[receipt] = o
	l.keys[o.key()]++
	l.bytes += o.size()
	if o.delivery.Event.IsBulk() {
		l.bulkOut++
	}
	return o
}

// forget ends a receipt. What it was for can be lent again once its offer has ended.
func (l *line) forget(o *Offer) { delete(l.lent, o.receipt) }

// end gives back the room of what was lent.
func (l *line) end(o *Offer) {
	l.forget(o)
	if l.keys[o.key()]--; l.keys[o.key()] <= 0 {
		delete(l.keys, o.key())
	}
	l.bytes -= o.size()
	if o.delivery.Event.IsBulk() {
		l.bulkOut--
	}
}

// remember notes a receipt that was settled.
func (l *line) remember(receipt string) {
	l.settled[receipt] = true
	if l.order = append(l.order, receipt); len(l.order) > remembered {
		delete(l.settled, l.order[0])
		l.order = l.order[1:]
	}
}
