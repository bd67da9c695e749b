package rabbitmq

import (
	"crypto/sha256"
	"strconv"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/event"
)

// generations are the parts that [seenIDs] forgets one at a time.
const generations = 5

// seenIDs remembers ids for a window of time, and for up to a quarter longer, unless more than
// four fifths of its size came since. Of an id it has 16 bytes, which are its hash: UUIDs as the
// senders write them would have to be parsed, and not all ids are some. An expiring.Map would keep a time
// with each and have to be swept.
type seenIDs struct {
	size   int
	window time.Duration

	mu      sync.Mutex
	rotated time.Time
	// ids has the newest generation first.
	ids     [generations]map[[16]byte]struct{}
	nowFunc func() time.Time
}

func newSeenIDs(size int, window time.Duration) *seenIDs {
	s := &seenIDs{size: size, window: window, rotated: time.Now(), nowFunc: time.Now}
	s.ids[0] = map[[16]byte]struct{}{}
	return s
}

func shortened(id string) [16]byte {
	var space [64]byte // Enough for the ids of all that can be published.
	hash := sha256.Sum256(append(space[:0], id...))
	return [16]byte(hash[:])
}

func (s *seenIDs) add(id string) {
	key := shortened(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rotate()
	s.ids[0][key] = struct{}{}
}

func (s *seenIDs) has(id string) bool {
	key := shortened(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rotate()
	for _, generation := range s.ids {
		if _, ok := generation[key]; ok {
			return true
		}
	}
	return false
}

// rotate forgets the oldest generation for each quarter of the window that went by, or when the
// newest is full.
func (s *seenIDs) rotate() {
	now, lasts := s.nowFunc(), max(1, s.window/(generations-1))
	over := now.Sub(s.rotated) / lasts
	switch {
	case over > 0:
		s.rotated = s.rotated.Add(over * lasts)
	case len(s.ids[0]) >= max(1, s.size/generations):
		s.rotated = now
	default:
		return
	}
	for range min(max(1, over), generations) {
		copy(s.ids[1:], s.ids[:])
		s.ids[0] = map[[16]byte]struct{}{}
	}
}

// repeatID is the same for all repeats of an event. A redrive or replay has another one, since it
// is to be handled again.
func repeatID(e *event.Event, m *amqp.Delivery) string {
	return redeliveryID(e.ID, headerInt(m.Headers, headerReplays))
}

func redeliveryID(id string, replays int) string {
	if replays > 0 {
		return id + "#" + strconv.Itoa(replays)
	}
	return id
}
