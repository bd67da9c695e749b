// Package collector lets small heaps grow further before Go's garbage collector runs.
//
// Left to itself (GOGC=100) a process collects whenever it has allocated as much as it
// keeps. One that keeps little, as a gateway does, collects often to save a few MB, and
// a fixed larger GOGC would let one that keeps much, say for 100 000 connections, grow by several
// times that. So GOGC is chosen after each collection: what may be allocated until the next one is
// at least a share of the memory limit (GOMEMLIMIT), and otherwise what Go itself allows.
package collector

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

const (
	// MaxRoom is the most that may be allocated between two collections because of this package, in
	// bytes. Beyond it the processor time saved is not worth the memory: docs/guides/sizing.md.
	MaxRoom = 24 << 20
	// roomShare is the share of the memory limit that may be allocated.
	roomShare = 32
	// goDefault is Go's own GOGC; ours is never below.
	goDefault = 100
	// worthwhile is by how many percent of itself GOGC must be off to be set: setting it stops all
	// goroutines for a moment.
	worthwhile = 10
)

// Pacer chooses GOGC after each collection. A process has one.
type Pacer struct {
	mu      sync.Mutex
	stopped bool
	before  int
	percent int
	samples []metrics.Sample
}

// Start chooses GOGC from now on, and follows changes of the memory limit. Where the environment has
// GOGC it is the operator's, and stays.
func Start() *Pacer {
	if os.Getenv("GOGC") != "" {
		return &Pacer{stopped: true}
	}
	p := &Pacer{percent: goDefault, samples: []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"},
	}}
	p.before = debug.SetGCPercent(goDefault)
	p.adjust()
	p.watch()
	return p
}

// mark is what a collection finds unused. Not smaller: tiny objects share their memory with others.
type mark struct{ _ [2]uintptr }

// watch has the runtime call adjust after the next collection, and after those that follow.
func (p *Pacer) watch() {
	runtime.AddCleanup(new(mark), func(p *Pacer) {
		if p.adjust() {
			p.watch()
		}
	}, p)
}

// adjust sets GOGC by what the last collection left. It reports false once stopped.
func (p *Pacer) adjust() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return false
	}
	metrics.Read(p.samples)
	var kept uint64
	for _, s := range p.samples {
		kept += s.Value.Uint64()
	}
	next := percent(kept, room(debug.SetMemoryLimit(-1)))
	if off := next - p.percent; max(off, -off)*100 > p.percent*worthwhile {
		debug.SetGCPercent(next)
		p.percent = next
	}
	return true
}

// Close restores what GOGC was. It returns nil.
func (p *Pacer) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stopped {
		p.stopped = true
		debug.SetGCPercent(p.before)
	}
	return nil
}

// room is what may be allocated between two collections where limit bytes are all that the process
// may take.
func room(limit int64) uint64 { return uint64(min(limit/roomShare, MaxRoom)) } //nolint:gosec // It is not negative.

// percent is the GOGC that leaves room where a collection kept so many bytes: Go adds that percentage
// of heap, stacks and globals to the heap. What is kept counts as 1 MB at least, for GOGC moves Go's
// smallest heap, 4 MB, as well.
func percent(kept, room uint64) int {
	return max(goDefault, int(math.Round(float64(room)*100/float64(max(kept, 1<<20)))))
}
