package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// chaosSenders send in the long form, a quarter of them in the short one: with the race
	// detector, a busy machine drains no faster than all of them send.
	chaosSenders = 64
	// chaosKeys are the order keys of each sender.
	chaosKeys = 4
	// chaosPace is how often each of them sends: a load that a bot keeps up with, so that
	// what waits at the end is what a fault left. The long form has faults of minutes.
	chaosPace     = 300 * time.Millisecond
	chaosLongPace = time.Second
	// chaosProgress is how many commands are accepted between two faults at least.
	chaosProgress = 400
	// chaosRepeat is how often an accepted command is sent once more, as somebody does who
	// missed the answer: every so many commands.
	chaosRepeat = 8
)

// chaosLoad sends commands from many connections until it is stopped. Each sender has users of
// its own and sends the commands of each one after the other, again and again with the same key
// until it gets a 2xx: so the order of acceptance is known.
type chaosLoad struct {
	s       *stack
	bots    map[string]*bot
	quit    chan struct{}
	stop    func()
	senders sync.WaitGroup

	mu sync.Mutex
	// accepted has the bot of each id that was answered with 2xx.
	accepted map[string]string
	total    chaosCount
}

// chaosCount is what happened so far.
type chaosCount struct {
	accepted, refused, repeated int
	longest                     time.Duration
	// last is when the last request for the bot "demo" began that was answered with 2xx.
	last time.Time
	// fatal is an answer that no client would get over.
	fatal error
}

// startChaosLoad sends to the bot "demo" through a gateway.
func startChaosLoad(s *stack) *chaosLoad {
	l := newChaosLoad(s)
	senders := chaosSenders / 4
	if chaosWanted() {
		senders = chaosSenders
	}
	l.add(s, "demo", senders)
	return l
}

// newChaosLoad has no senders yet.
func newChaosLoad(s *stack) *chaosLoad {
	l := &chaosLoad{s: s, bots: map[string]*bot{"demo": s.bot}, quit: make(chan struct{}), accepted: map[string]string{}}
	l.stop = sync.OnceFunc(func() { close(l.quit); l.senders.Wait() })
	return l
}

// add starts senders to a bot through a gateway.
func (l *chaosLoad) add(gateway *stack, bot string, senders int) {
	for n := range senders {
		sender := &chaosSender{gateway: gateway, bot: bot}
		for key := range chaosKeys {
			user := chaosUser(bot, gateway, n, key)
			sender.users = append(sender.users, user)
			// Good enough for any clock.
			exp := time.Now().AddDate(0, 1, 0).Unix()
			sender.tokens = append(sender.tokens, gateway.tokenWith(jwt.MapClaims{"sub": user, "exp": exp}))
		}
		l.senders.Go(func() { l.send(sender) })
	}
}

// chaosUser is the name of a user of a sender.
func chaosUser(bot string, gateway *stack, sender, key int) string {
	return fmt.Sprintf("chaos-%s-%s-%d-%d", bot, gateway.admin, sender, key)
}

// chaosSender has the order of acceptance of its users.
type chaosSender struct {
	gateway       *stack
	bot           string
	users, tokens []string
}

// chaosCommand is the body of a user's n-th command.
type chaosCommand struct {
	Command string    `json:"command"`
	Args    chaosArgs `json:"args"`
}

type chaosArgs struct {
	N int `json:"n"`
}

func (l *chaosLoad) send(sender *chaosSender) {
	every := chaosPace
	if chaosWanted() {
		every = chaosLongPace
	}
	pace := time.NewTicker(every)
	defer pace.Stop()
	for turn := 0; ; turn++ {
		who, n := turn%chaosKeys, turn/chaosKeys
		body, _ := json.Marshal(chaosCommand{"/count", chaosArgs{n}})
		key := fmt.Sprintf("%s-%d", sender.users[who], n)
		times := 1
		if turn%chaosRepeat == 0 {
			times = 2
		}
		for accepted := 0; accepted < times; {
			select {
			case <-l.quit:
				return
			case <-pace.C:
			}
			began := time.Now()
			a, err := sender.gateway.commandOf(sender.bot, sender.tokens[who], key, body)
			if l.note(sender.bot, a, err, began) {
				accepted++
			}
		}
	}
}

// note counts an answer and reports whether it was a 2xx.
func (l *chaosLoad) note(bot string, a answer, err error, began time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &l.total
	if err == nil && a.status == http.StatusAccepted {
		c.longest = max(c.longest, time.Since(began))
		if bot == "demo" && began.After(c.last) {
			c.last = began
		}
		l.keep(bot, a)
		return true
	}
	c.refused++
	if err == nil && a.status < 500 && a.status != http.StatusTooManyRequests && a.status != http.StatusConflict {
		c.fatal = fmt.Errorf("answered %d: %s", a.status, a.body)
	}
	return false
}

// keep writes down what was accepted.
func (l *chaosLoad) keep(bot string, a answer) {
	var body struct{ ID string }
	if err := json.Unmarshal(a.body, &body); err != nil || body.ID == "" {
		l.total.fatal = fmt.Errorf("accepted without an id: %s", a.body)
		return
	}
	if _, known := l.accepted[body.ID]; known {
		l.total.repeated++
		return
	}
	l.accepted[body.ID] = bot
	l.total.accepted++
}

// acceptedFor lists what was accepted for a bot so far.
func (l *chaosLoad) acceptedFor(bot string) (ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, of := range l.accepted {
		if of == bot {
			ids = append(ids, id)
		}
	}
	return ids
}

// count returns what happened since the last call, but for last and fatal.
func (l *chaosLoad) count() chaosCount {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.total
	l.total = chaosCount{last: c.last, fatal: c.fatal}
	return c
}

// acceptedSince waits until a request for the bot "demo" that began after the time was accepted.
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
