package requestlog

import (
	"sync"
	"time"
)

// With very many of a kind, one is logged this often a second, and then one time in so many.
const (
	burst = 20
	every = 100
)

// Sampler bounds how often what happens to requests is logged. It may be used concurrently. Its
// keys are kinds from a fixed set, and kept for good.
type Sampler struct {
	now func() time.Time

	mu      sync.Mutex
	windows map[string]*window
}

// window counts what happened of one kind in one second.
type window struct {
	second     int64
	count      int
	suppressed int
}

// NewSampler makes a sampler with a clock.
func NewSampler(now func() time.Time) *Sampler {
	return &Sampler{now: now, windows: map[string]*window{}}
}

// Sample decides whether to log, and how many of its kind were not since the last one.
func (s *Sampler) Sample(kind string) (suppressed int, ok bool) {
	second := s.now().Unix()
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.windows[kind]
	if w == nil {
		w = &window{}
		s.windows[kind] = w
	}
	if w.second != second {
		w.second, w.count = second, 0
	}
	w.count++
	if w.count > burst && w.count%every != 0 {
		w.suppressed++
		return 0, false
	}
	suppressed, w.suppressed = w.suppressed, 0
	return suppressed, true
}
