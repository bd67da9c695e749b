package spool

import (
	"hash/maphash"
	"time"

	"github.com/botgate/botgate/internal/event"
)

// eventOverhead is what an event counts for beside its body and attributes, in bytes: its
// rows, their keys, and the id that is remembered.
const eventOverhead = 512

// index knows what is in the file without asking it. Its size is that of the order keys
// that wait, of which the file's bound leaves room for about two million.
type index struct {
	seed maphash.Seed
	// orderKeys counts the events of each order key that are in the file or being written,
	// by the key's hash. Two keys with the same hash only wait for each other.
	orderKeys map[uint64]int
	// events is the sum of orderKeys; writing is how many writes are under way.
	events, writing int
	// bytes is the weight of all that is in the file, what was refused included.
	bytes int64
	// refused is that part of bytes which is kept for somebody to look at.
	refused int64
	// oldest is when the event was accepted that waits for longest; zero when none does.
	oldest time.Time
}

func newIndex() index { return index{seed: maphash.MakeSeed(), orderKeys: map[uint64]int{}} }

// hash is that of an event's key.
func (x *index) hash(e *event.Event) uint64 { return maphash.String(x.seed, e.Key()) }

// holds reports whether something of the order key of any of the events is in the file.
func (x *index) holds(events []*event.Event) bool {
	for _, e := range events {
		if x.orderKeys[x.hash(e)] > 0 {
			return true
		}
	}
	return false
}

// weight is what an event takes of the spool's bytes; data is the length of its body.
func weight(e *event.Event, data int64) int64 {
	return data + eventOverhead + int64(len(e.ID)+len(e.Bot)+len(e.Type)+len(e.Subject)+len(e.OrderKey)+
		len(e.VerifiedBy)+len(e.TraceParent)+len(e.ContentType))
}

func weightOf(events []*event.Event) (sum int64) {
	for _, e := range events {
		sum += weight(e, int64(len(e.Data)))
	}
	return sum
}

func (x *index) add(e *event.Event, data int64) {
	if x.events == 0 {
		x.oldest = e.Time
	}
	x.orderKeys[x.hash(e)]++
	x.events++
	x.bytes += weight(e, data)
}

// remove takes an event out. One that is not known changes nothing.
func (x *index) remove(e *event.Event) {
	hash := x.hash(e)
	switch x.orderKeys[hash] {
	case 0:
		return
	case 1:
		delete(x.orderKeys, hash)
	default:
		x.orderKeys[hash]--
	}
	x.bytes -= weight(e, int64(len(e.Data)))
	if x.events--; x.events == 0 {
		x.oldest = time.Time{}
	}
}

// keep counts an event that stays in the file for somebody to look at.
func (x *index) keep(e *event.Event, data int64) {
	w := weight(e, data)
	x.bytes += w
	x.refused += w
}

// clear forgets all that waits.
func (x *index) clear() {
	clear(x.orderKeys)
	x.events, x.bytes, x.oldest = 0, x.refused, time.Time{}
}
