package rabbitmq

import "slices"

// acks tracks which delivery tags of a channel are unacknowledged. Tags count up from 1 in the
// order of delivery, so that a multiple ack (everything up to a tag), which is far cheaper than
// one ack for each, is possible when nothing before that tag is open.
type acks struct {
	first   uint64 // The tag of settled[0].
	settled []bool
}

func newAcks() *acks { return &acks{first: 1} }

// add notes the next delivery.
func (a *acks) add() { a.settled = append(a.settled, false) }

// settle marks tags, which it sorts, as settled and says what to ack: everything up to and
// including upTo, unless 0, and then each of the singles.
func (a *acks) settle(tags []uint64) (upTo uint64, singles []uint64) {
	slices.Sort(tags)
	for _, tag := range tags {
		a.settled[tag-a.first] = true
	}
	prefix := 0
	for prefix < len(a.settled) && a.settled[prefix] {
		prefix++
	}
	end := a.first + uint64(prefix)
	a.first, a.settled = end, a.settled[prefix:]
	covered, _ := slices.BinarySearch(tags, end)
	if covered > 1 {
		// One of ours: the broker closes the channel on an ack of a tag that it knows as acked.
		return tags[covered-1], tags[covered:]
	}
	return 0, tags
}
