package rabbitmq

import "slices"

// ledger knows which delivery tags of a channel are open. Tags count up from 1 in the
// order of arrival, so an acknowledgement of everything up to a tag, which is far cheaper
// than one for each, is possible when nothing before it is open.
type ledger struct {
	first   uint64 // The tag of settled[0].
	settled []bool
}

func newLedger() *ledger { return &ledger{first: 1} }

// arrive notes the next delivery.
func (l *ledger) arrive() { l.settled = append(l.settled, false) }

// settle closes tags, which it sorts, and says how to tell the broker: everything up to
// and including upTo, unless 0, and then each of the singles.
func (l *ledger) settle(tags []uint64) (upTo uint64, singles []uint64) {
	slices.Sort(tags)
	for _, tag := range tags {
		l.settled[tag-l.first] = true
	}
	prefix := 0
	for prefix < len(l.settled) && l.settled[prefix] {
		prefix++
	}
	end := l.first + uint64(prefix)
	l.first, l.settled = end, l.settled[prefix:]
	covered, _ := slices.BinarySearch(tags, end)
	if covered > 1 {
		// The last of ours, because the broker must not know it settled yet.
		return tags[covered-1], tags[covered:]
	}
	return 0, tags
}
