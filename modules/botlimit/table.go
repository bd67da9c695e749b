package botlimit

import (
	"hash/maphash"
	"sync"
	"time"
)

const (
	shards     = 64
	sweepEvery = 10 * time.Second
	// sampled is how many keys of a full shard compete for being forgotten.
	sampled = 8
)

// epoch is where the scripts of redis_rate start to count.
var epoch = time.Date(2017, time.January, 1, 0, 0, 0, 0, time.UTC)

// table holds the arrival times by key. A key whose arrival time has passed has its
// full allowance, just as one that was never seen, so a sweeper drops it.
type table struct {
	seed     maphash.Seed
	perShard int
	started  time.Time
	offset   float64
	shards   [shards]shard

	stop chan struct{}
	done chan struct{}
}

type shard struct {
	mu   sync.Mutex
	tats map[string]float64
}

func newTable(maxKeys int) *table {
	t := &table{
		seed: maphash.MakeSeed(), perShard: max(1, maxKeys/shards), started: time.Now(), offset: time.Since(epoch).Seconds(),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	for i := range t.shards {
		t.shards[i].tats = make(map[string]float64)
	}
	go t.sweepUntilStopped()
	return t
}

func (t *table) close() {
	close(t.stop)
	<-t.done
}

// update replaces the key's arrival time by what f makes of it. A key that is not there
// arrives now.
func (t *table) update(key string, f func(tat, now float64) float64) {
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := t.now()
	before, exists := s.tats[key]
	if !exists {
		before = now
	}
	after := f(before, now)
	if after <= now {
		return
	}
	if !exists && len(s.tats) >= t.perShard {
		s.forgetOne()
	}
	s.tats[key] = after
}

func (t *table) remove(keys []string) (removed int64) {
	for _, key := range keys {
		s := t.shard(key)
		s.mu.Lock()
		if _, ok := s.tats[key]; ok {
			delete(s.tats, key)
			removed++
		}
		s.mu.Unlock()
	}
	return removed
}

func (t *table) shard(key string) *shard {
	return &t.shards[maphash.String(t.seed, key)%shards]
}

func (t *table) len() (n int) {
	for i := range t.shards {
		t.shards[i].mu.Lock()
		n += len(t.shards[i].tats)
		t.shards[i].mu.Unlock()
	}
	return n
}

func (t *table) sweepUntilStopped() {
	defer close(t.done)
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-t.stop:
			return
		case <-tick.C:
			for i := range t.shards {
				t.shards[i].sweep(t.now())
			}
		}
	}
}

func (s *shard) sweep(now float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, tat := range s.tats {
		if tat <= now {
			delete(s.tats, key)
		}
	}
}

// forgetOne drops, of some keys, the one whose allowance is full again soonest: least
// is lost with it, and somebody far over a limit can't be flushed out by inventing keys.
func (s *shard) forgetOne() {
	var soonest string
	var least float64
	seen := 0
	for key, tat := range s.tats {
		if seen == 0 || tat < least {
			soonest, least = key, tat
		}
		if seen++; seen == sampled {
			break
		}
	}
	delete(s.tats, soonest)
}

// now is the scripts' time. It goes on from when the table was made, since the time of
// day can jump. That it counts from their epoch makes sums round as theirs do: close to
// zero, a sum loses digits that the time alone has, and full bursts would be refused.
func (t *table) now() float64 { return t.offset + time.Since(t.started).Seconds() }
