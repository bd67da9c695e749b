package api

import (
	"context"
	"sync"
	"time"

	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/retry"
)

const (
	// sampleEvery is the time between two samples of what waits, and keepSamples for how long they are kept.
	sampleEvery = 10 * time.Second
	keepSamples = 24 * time.Hour
	// maxSampled is of how many queues there are samples; those that come later are not sampled.
	maxSampled = 64
	// unsampled is in the place of what was not known.
	unsampled = -1
)

// depthSamples has what waited in queues, in rings of the same length.
type depthSamples struct {
	mu     sync.Mutex
	times  []time.Time // Zero where there is no sample yet.
	depths map[queue.Group][]int32
	next   int
}

// depthPoint is the most that waited in a queue within a step.
type depthPoint struct {
	At      time.Time `json:"at"`
	Waiting int32     `json:"waiting"`
}

func newDepthSamples(length int) *depthSamples {
	return &depthSamples{times: make([]time.Time, length), depths: map[queue.Group][]int32{}}
}

// add adds a sample in the place of the oldest.
func (s *depthSamples) add(at time.Time, depths map[queue.Group]int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times[s.next] = at
	for group := range depths {
		if s.depths[group] == nil && len(s.depths) < maxSampled {
			s.depths[group] = make([]int32, len(s.times))
			for i := range s.times {
				s.depths[group][i] = unsampled
			}
		}
	}
	for group, ring := range s.depths {
		ring[s.next] = unsampled
		if n, known := depths[group]; known {
			ring[s.next] = int32(min(n, 1<<31-1))
		}
	}
	s.next = (s.next + 1) % len(s.times)
}

// since returns the points of a queue from a time on, each of a step; steps in which nothing is known are left out.
func (s *depthSamples) since(group queue.Group, from time.Time, step time.Duration) []depthPoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	ring, points := s.depths[group], []depthPoint{}
	for i := range ring {
		at := (s.next + i) % len(ring)
		if ring[at] == unsampled || s.times[at].Before(from) {
			continue
		}
		begin := s.times[at].Truncate(step)
		if n := len(points); n > 0 && points[n-1].At.Equal(begin) {
			points[n-1].Waiting = max(points[n-1].Waiting, ring[at])
			continue
		}
		points = append(points, depthPoint{begin, ring[at]})
	}
	return points
}

// sample adds samples until the context ends. While the queue is away there are none.
func (a *API) sample(ctx context.Context) {
	for retry.Sleep(ctx, sampleEvery) {
		if depths, err := a.depths.Answer(); err == nil {
			a.samples.add(time.Now().UTC(), depths)
		}
	}
}
