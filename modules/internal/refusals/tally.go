// Package refusals counts the requests that a gateway refuses, keeps some of them as samples, and hands both to the
// backend, through the queue.
package refusals

import (
	"net/http"
	"sync"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/report"
	"github.com/botgate/botgate/modules/internal/requestlog"
)

// Tally counts the refusals of a gateway since the last report. It may be used concurrently. A nil one counts nothing.
type Tally struct {
	// begun is when the gateway started: reloads keep its tally.
	begun time.Time

	mu     sync.Mutex
	counts map[report.Refusal]*report.Count
	// rows counts those of each kind in counts.
	rows     map[kind]int
	samples  samples
	limiters limiters
}

// kind is what a flood must not spoil for others.
type kind struct{ handler, reason string }

// NewTally makes an empty tally.
func NewTally() *Tally {
	t := &Tally{begun: time.Now().UTC().Truncate(time.Second)}
	t.clear()
	return t
}

func (t *Tally) clear() {
	t.counts, t.rows, t.samples = map[report.Refusal]*report.Count{}, map[kind]int{}, samples{}
}

// Begun is when the tally was made, in seconds.
func (t *Tally) Begun() time.Time { return t.begun }

// Close implements [io.Closer]; there is nothing to close.
func (t *Tally) Close() error { return nil }

// Note counts a refusal. Its bot is the one that the request is [About].
func (t *Tally) Note(r *http.Request, what report.Refusal, known func(bot string) bool) {
	if t == nil {
		return
	}
	what.Bot = botOf(r, known)
	client := requestlog.Client(r)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count(what)
	if place, ok := t.samples.place(what, client); ok {
		t.samples.put(place, sample(r, what))
	}
}

// count adds one. Beyond the bound of its kind it has neither platform nor bot.
func (t *Tally) count(what report.Refusal) {
	c, lumped := t.counts[what], int64(0)
	if c == nil && what != plain(what) {
		of := kind{what.Handler, what.Reason}
		if t.rows[of] < report.MaxCounts {
			t.rows[of]++
		} else {
			what, lumped = plain(what), 1
			c = t.counts[what]
		}
	}
	if c == nil {
		c = &report.Count{Refusal: what}
		t.counts[what] = c
	}
	c.Count++
	c.Lumped += lumped
}

// plain is a refusal without what it is about.
func plain(what report.Refusal) report.Refusal {
	return report.Refusal{Handler: what.Handler, Reason: what.Reason}
}

func sample(r *http.Request, what report.Refusal) report.Sample {
	d := requestlog.Of(r)
	return report.Sample{
		Refusal: what, At: time.Now().UTC().Truncate(time.Microsecond), RequestID: d.ID,
		Client: d.Client, Method: d.Method, Path: d.Path, User: event.NameOf(d.User),
	}
}

// Take moves what was counted into a report, with the limits as they are, and reports whether there was anything.
func (t *Tally) Take(into *report.Report) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.counts) == 0 && !t.limiters.due(into.At) {
		return false
	}
	into.Limits = t.limiters.report(into.At)
	for _, c := range t.counts {
		into.Counts = append(into.Counts, *c)
	}
	into.Samples = t.samples.list
	t.clear()
	return true
}

// counted reports whether there are refusals that were not taken.
func (t *Tally) counted() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.counts) > 0
}
