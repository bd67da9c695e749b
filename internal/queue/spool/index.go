package spool

import (
	"hash/maphash"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// eventOverhead is what an event counts for beside its body and attributes, in bytes: its
// rows, their keys, and the id that is remembered.
const eventOverhead = 512

// index knows what is in the file without asking it. Its size is that of the order keys and events
// that wait, of which the file's bound leaves room for about two million.
type index struct {
	seed maphash.Seed
	// orderKeys counts what waits in Dispatch, or is being written, of each order key, by the key's
	// hash. Two keys with the same hash only wait for each other.
	orderKeys map[uint64]int
	// half has, by the hashes of their ids, the events that one of their two queues has.
	half map[uint64]struct{}
	// bots has what each bot has in the file. A bot stays, as its metrics do.
	bots map[string]*share
	// record is what waits in Record.
	record ages
	// events is how many wait, writing is how many writes are under way.
	events, writing int
	// bytes is the weight of all that is in the file, what was set aside included.
	bytes int64
}

// share is what a bot has in the file.
type share struct {
	events   int
	bytes    int64 // Of bytes.
	aside    int64 // The part of bytes that is kept for somebody to look at.
	dispatch ages  // What waits in Dispatch.
}

func newIndex() index {
	return index{
		seed: maphash.MakeSeed(), orderKeys: map[uint64]int{}, half: map[uint64]struct{}{}, bots: map[string]*share{},
	}
}

func (x *index) hashKey(e *event.Event) uint64 { return maphash.String(x.seed, e.Key()) }
func (x *index) hashID(e *event.Event) uint64  { return maphash.String(x.seed, e.ID) }

// holds reports whether something of the order key of any of the events waits in Dispatch.
func (x *index) holds(events []*event.Event) bool {
	for _, e := range events {
		if e.ForBot() && x.orderKeys[x.hashKey(e)] > 0 {
			return true
		}
	}
	return false
}

// weight is what an event takes of the spool's bytes; data is the length of its body.
func weight(e *event.Event, data int64) int64 {
	return data + eventOverhead + int64(len(e.ID)+len(e.Bot)+len(e.Type)+len(e.Subject)+len(e.OrderKey)+
		len(e.VerifiedBy)+len(e.TraceParent)+len(e.RequestID)+len(e.Headers)+len(e.ContentType))
}

func weightOf(events []*event.Event) (sum int64) {
	for _, e := range events {
		sum += weight(e, int64(len(e.Data)))
	}
	return sum
}

func (x *index) of(bot string) *share {
	if x.bots[bot] == nil {
		x.bots[bot] = &share{}
	}
	return x.bots[bot]
}

// add adds an event that waits in all of its queues.
func (x *index) add(e *event.Event, data int64) {
	x.count(e, data, 1)
	x.record.add(e.AcceptedAt())
	if e.ForBot() {
		x.orderKeys[x.hashKey(e)]++
		x.of(e.Bot).dispatch.add(e.AcceptedAt())
	}
}

// found adds what the file has of an event in one queue.
func (x *index) found(group queue.Group, e *event.Event, data int64) {
	_, known := x.half[x.hashID(e)]
	switch {
	case !e.ForBot():
		x.count(e, data, 1)
	case known:
		delete(x.half, x.hashID(e))
	default:
		x.half[x.hashID(e)] = struct{}{}
		x.count(e, data, 1)
	}
	if group == queue.Record {
		x.record.add(e.AcceptedAt())
		return
	}
	x.orderKeys[x.hashKey(e)]++
	x.of(e.Bot).dispatch.add(e.AcceptedAt())
}

func (x *index) count(e *event.Event, data int64, n int) {
	of, w := x.of(e.Bot), int64(n)*weight(e, data)
	x.events += n
	x.bytes += w
	of.events += n
	of.bytes += w
}

// leave takes an event out of one queue, and reports whether that was the last one that it waited in.
func (x *index) leave(group queue.Group, e *event.Event) (last bool) {
	if x.events == 0 {
		return false // It was cleared; see [Spool.resync].
	}
	if group == queue.Record {
		x.record.remove(e.AcceptedAt())
	} else {
		x.leaveKey(e)
	}
	if _, last = x.half[x.hashID(e)]; !last && e.ForBot() {
		x.half[x.hashID(e)] = struct{}{}
		return false
	}
	delete(x.half, x.hashID(e))
	x.count(e, int64(len(e.Data)), -1)
	return true
}

func (x *index) leaveKey(e *event.Event) {
	hash := x.hashKey(e)
	if x.orderKeys[hash]--; x.orderKeys[hash] <= 0 {
		delete(x.orderKeys, hash)
	}
	x.of(e.Bot).dispatch.remove(e.AcceptedAt())
}

// forget takes out an event that add added and that did not come into the file.
func (x *index) forget(e *event.Event) {
	x.leave(queue.Record, e)
	if e.ForBot() {
		x.leave(queue.Dispatch, e)
	}
}

// setAside makes what is kept for somebody to look at these weights, by bot.
func (x *index) setAside(weights map[string]int64) {
	for bot := range weights {
		x.of(bot)
	}
	for bot, of := range x.bots {
		change := weights[bot] - of.aside
		of.aside += change
		of.bytes += change
		x.bytes += change
	}
}

func (x *index) hasAside() bool {
	for _, of := range x.bots {
		if of.aside > 0 {
			return true
		}
	}
	return false
}

// clear forgets all that waits.
func (x *index) clear() {
	clear(x.orderKeys)
	clear(x.half)
	x.events, x.bytes, x.record = 0, 0, ages{}
	for _, of := range x.bots {
		*of = share{aside: of.aside, bytes: of.aside}
		x.bytes += of.aside
	}
}

// oldest is when the event was accepted that waits for longest, to the minute; zero when none does.
func (x *index) oldest() time.Time {
	oldest := x.record.oldest()
	for _, of := range x.bots {
		if at := of.dispatch.oldest(); oldest.IsZero() || !at.IsZero() && at.Before(oldest) {
			oldest = at
		}
	}
	return oldest
}
