// Package desk has the requests of a gateway that wait for what a bot answers.
//
// An answer is handed over in two steps: who got it offers it, and is told whether it was taken. It is taken once, and
// only while the request that waits can still be answered with it. So each side knows what the user sees, but for
// the one case in which that word gets lost.
package desk

import (
	"context"
	"sync"
	"time"

	"github.com/botgate/botgate/internal/event"
)

// The bounds of what waits in a process. One bot that is slow leaves room for others.
const (
	MaxWaiting = 1024
	MaxOfBot   = MaxWaiting / 4
)

// Desk has those who wait. The zero value is ready to use.
type Desk struct {
	mu      sync.Mutex
	waiting map[string]*Waiter // By the id of the event.
	ofBot   map[string]int
}

// Waiter is a request that waits for the answer to an event. A nil one waits for nothing.
type Waiter struct {
	desk    *Desk
	id, bot string
	until   time.Time
	decided chan struct{} // Closed once answer is set for good.
	answer  *event.Answer
}

// Wait has a request wait for the answer to an event until a time. It returns nil where there is no room, or another
// one waits for the same. [Waiter.Leave] must follow.
func (d *Desk) Wait(bot, id string, until time.Time) *Waiter {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waiting == nil {
		d.waiting, d.ofBot = map[string]*Waiter{}, map[string]int{}
	}
	if d.waiting[id] != nil || len(d.waiting) >= MaxWaiting || d.ofBot[bot] >= MaxOfBot {
		return nil
	}
	w := &Waiter{desk: d, id: id, bot: bot, until: until, decided: make(chan struct{})}
	d.waiting[id] = w
	d.ofBot[bot]++
	return w
}

// Offer offers an answer to who waits for it, and reports whether that is there still and takes it. A nil answer says
// that there will be none, and is never taken.
func (d *Desk) Offer(id string, answer *event.Answer, now time.Time) (taken bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.waiting[id]
	if w == nil {
		return false
	}
	if now.Before(w.until) {
		w.answer = answer
	}
	d.remove(w)
	return w.answer != nil
}

// remove decides that nothing more is taken. The lock is held.
func (d *Desk) remove(w *Waiter) {
	if d.waiting[w.id] != w {
		return
	}
	delete(d.waiting, w.id)
	if d.ofBot[w.bot]--; d.ofBot[w.bot] == 0 {
		delete(d.ofBot, w.bot)
	}
	close(w.decided)
}

// Waiting is how many wait.
func (d *Desk) Waiting() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.waiting)
}

// Answer returns the answer that was taken, or nil when there is none: the time is over, ctx ended, or who would have
// had it said that there is none.
func (w *Waiter) Answer(ctx context.Context) *event.Answer {
	ctx, cancel := context.WithDeadline(ctx, w.until)
	defer cancel()
	select {
	case <-w.decided:
	case <-ctx.Done():
	}
	w.Leave() // What was taken in this moment counts.
	return w.answer
}

// IsOver reports whether the time to wait is.
func (w *Waiter) IsOver(now time.Time) bool { return !now.Before(w.until) }

// Leave ends the wait: nothing is taken any more.
func (w *Waiter) Leave() {
	if w == nil {
		return
	}
	w.desk.mu.Lock()
	defer w.desk.mu.Unlock()
	w.desk.remove(w)
}
