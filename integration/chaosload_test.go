package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// chaosSenders send in the long form, a quarter of them in the short one: with the race
	// detector, a busy machine drains no faster than all of them send.
	chaosSenders = 64
	// chaosPace is how often each of them sends: a load that a bot keeps up with, so that
	// what waits at the end is what a fault left.
	chaosPace = 300 * time.Millisecond
	// chaosProgress is how many commands are accepted between two faults at least.
	chaosProgress = 400
	// chaosRepeat is how often an accepted command is sent once more, as somebody does who
	// missed the answer: every so many commands.
	chaosRepeat = 8
)

// chaosLoad sends commands from many connections until it is stopped. Each sender has a
// user of its own and sends its commands one after the other, again and again with the
// same key until it gets a 2xx: so the order of acceptance is known.
type chaosLoad struct {
	s       *stack
	quit    chan struct{}
	senders sync.WaitGroup

	mu sync.Mutex
	// accepted are the ids that were answered with 2xx.
	accepted map[string]bool
	total    chaosCount
}

// chaosCount is what happened so far.
type chaosCount struct {
	accepted, refused, repeated int
	longest                     time.Duration
	// last is when the last request began that was answered with 2xx.
	last time.Time
	// fatal is an answer that no client would get over.
	fatal error
}

func startChaosLoad(s *stack) *chaosLoad {
	l := &chaosLoad{s: s, quit: make(chan struct{}), accepted: map[string]bool{}}
	senders := chaosSenders / 4
	if chaosWanted() {
		senders = chaosSenders
	}
	for n := range senders {
		token := s.token(chaosUser(n))
		l.senders.Go(func() { l.send(n, token) })
	}
	return l
}

func chaosUser(sender int) string { return fmt.Sprintf("chaos-%d", sender) }

// chaosCommand is the body of a sender's n-th command.
type chaosCommand struct {
	Command string    `json:"command"`
	Args    chaosArgs `json:"args"`
}

type chaosArgs struct {
	Sender int `json:"sender"`
	N      int `json:"n"`
}

func (l *chaosLoad) send(sender int, token string) {
	pace := time.NewTicker(chaosPace)
	defer pace.Stop()
	for n := 0; ; n++ {
		body, _ := json.Marshal(chaosCommand{"/count", chaosArgs{sender, n}})
		key := fmt.Sprintf("chaos-%d-%d", sender, n)
		times := 1
		if n%chaosRepeat == 0 {
			times = 2
		}
		for accepted := 0; accepted < times; {
			select {
			case <-l.quit:
				return
			case <-pace.C:
			}
			began := time.Now()
			a, err := l.s.command(token, key, body)
			if l.note(a, err, began) {
				accepted++
			}
		}
	}
}

// note counts an answer and reports whether it was a 2xx.
func (l *chaosLoad) note(a answer, err error, began time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &l.total
	if err == nil && a.status == http.StatusAccepted {
		c.longest = max(c.longest, time.Since(began))
		if began.After(c.last) {
			c.last = began
		}
		l.keep(a)
		return true
	}
	c.refused++
	if err == nil && a.status < 500 && a.status != http.StatusTooManyRequests && a.status != http.StatusConflict {
		c.fatal = fmt.Errorf("answered %d: %s", a.status, a.body)
	}
	return false
}

// keep writes down what was accepted.
func (l *chaosLoad) keep(a answer) {
	var body struct{ ID string }
	switch err := json.Unmarshal(a.body, &body); {
	case err != nil || body.ID == "":
		l.total.fatal = fmt.Errorf("accepted without an id: %s", a.body)
	case l.accepted[body.ID]:
		l.total.repeated++
	default:
		l.accepted[body.ID] = true
		l.total.accepted++
	}
}

// count returns what happened since the last call, but for last and fatal.
func (l *chaosLoad) count() chaosCount {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.total
	l.total = chaosCount{last: c.last, fatal: c.fatal}
	return c
}

// acceptedSince waits until a request that began after the time was accepted.
func (l *chaosLoad) acceptedSince(t *testing.T, since time.Time) {
	t.Helper()
	eventually(t, func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		if !l.total.last.After(since) {
			return fmt.Errorf("nothing that was sent after %s is accepted", since.Format(time.TimeOnly))
		}
		return l.total.fatal
	})
}

// progress waits until so many commands more are accepted.
func (l *chaosLoad) progress(t *testing.T, more int) {
	t.Helper()
	goal := 0
	eventually(t, func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		if goal == 0 {
			goal = len(l.accepted) + more
		}
		if len(l.accepted) < goal {
			return fmt.Errorf("%d of %d accepted", len(l.accepted), goal)
		}
		return l.total.fatal
	})
}

func (l *chaosLoad) stop() {
	close(l.quit)
	l.senders.Wait()
}

// chaosResult is what became of the accepted events.
type chaosResult struct{ stored, lost, again int }

// settle waits until the bot has and the database holds every accepted event, but not
// longer than patience, and returns what there is then.
func (l *chaosLoad) settle(t *testing.T) chaosResult {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		r := l.result(t)
		if r.lost == 0 || time.Now().After(deadline) {
			return r
		}
		<-time.After(500 * time.Millisecond)
	}
}

func (l *chaosLoad) result(t *testing.T) (r chaosResult) {
	t.Helper()
	times := map[string]int{}
	for _, record := range l.s.recorded() {
		times[record.Event.ID]++
	}
	received := map[string]int{}
	for _, d := range l.s.bot.all() {
		received[d.id]++
	}
	for id := range l.accepted {
		if times[id] == 0 || received[id] == 0 {
			r.lost++
		}
	}
	for id, n := range times {
		require.Equal(t, 1, n, "event %s is stored once", id)
		r.stored++
	}
	for _, n := range received {
		r.again += n - 1
	}
	return r
}

// requireOrder finds that the bot saw each sender's commands after their predecessors.
func (l *chaosLoad) requireOrder(t *testing.T) {
	t.Helper()
	next := map[int]int{}
	for _, d := range l.s.bot.all() {
		var c chaosCommand
		require.NoError(t, json.Unmarshal(d.body, &c))
		require.LessOrEqual(t, c.Args.N, next[c.Args.Sender], "command %d of sender %d came before its predecessor", c.Args.N, c.Args.Sender)
		next[c.Args.Sender] = max(next[c.Args.Sender], c.Args.N+1)
	}
}
