package integration

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/testsvc"
)

const (
	pullUsers  = 8
	pullEvents = 15 // Of each user.
	pullers    = 4
)

// TestPullersAndOwnersKilled has pollers that vanish with what they have, and kills the processes that lend, while there
// are two processes of each role: nothing is lost or out of order, and no two pollers have events of one user at once
// that one process lent.
func TestPullersAndOwnersKilled(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.writePullBots(4)
	second := testsvc.FreeAddresses(t, 1)[0]
	s.env = append(s.env, "BOTGATE_API_UPSTREAM="+strings.TrimPrefix(s.api, "http://")+" "+second)
	s.useServices(testsvc.RabbitMQHost(t))
	s.startGateway()
	s.startBackends()
	start(t, s.dir, s.env, backendBinary, "--roles", "api", "--listen", second)
	owners := []*process{s.backends[2], s.dispatcher(2)}
	for _, p := range owners {
		s.waitReady(p.base, p)
	}
	l := &lendings{t: t, held: map[string]lending{}, asked: map[string]int{}, acked: map[string]bool{}, unknown: map[string]bool{}}
	l.over, l.stop = context.WithCancel(t.Context())
	for range pullEvents {
		for user := range pullUsers {
			l.sent++
			s.accept(fmt.Sprint("user-", user), fmt.Appendf(nil, `{"command":"/n","text":"%d"}`, l.sent))
		}
	}
	var work sync.WaitGroup
	for n := range pullers {
		work.Go(func() { s.poll(l, n) })
	}
	for n := range owners {
		eventuallyAll(t, l.sent*(n+1)/4, "delivered", s.delivered)
		owners[n].kill()
		owners[n] = s.dispatcher(3 + n)
	}
	eventuallyAll(t, l.sent, "delivered", s.delivered)
	// Delivered is told before the queue knows it: where the owner was killed in between, the event comes once more.
	eventuallyAll(t, l.sent, "acknowledged", l.heard)
	l.stop()
	work.Wait()
}

// delivered counts the events that are, as the log has it.
func (s *stack) delivered() (n int) {
	for _, r := range s.recorded() {
		if r.Status == event.StatusDelivered {
			n++
		}
	}
	return n
}

// lendings is what pollers know of all events.
type lendings struct {
	t    *testing.T
	sent int

	mu    sync.Mutex
	held  map[string]lending // By user.
	asked map[string]int     // The last number of each user whose poller said ack.
	// acked are the events, by their text, whose poller heard that its ack holds, and unknown those of which one heard
	// nothing, since who would have said so was killed.
	acked, unknown map[string]bool
	// over ends once all are acknowledged.
	over context.Context //nolint:containedctx // Until stop.
	stop context.CancelFunc
}

type lending struct {
	process string
	until   time.Time
	text    string
}

// take notes that a poller has an event.
func (l *lendings) take(user, receipt, text string, until time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	process, _, _ := strings.Cut(receipt, ".")
	had, isHeld := l.held[user]
	if isHeld && had.process == process && time.Now().Before(had.until) {
		return fmt.Errorf("%s is lent to two pollers, %s and %s", user, had.text, text)
	}
	number, err := strconv.Atoi(text)
	if last := l.asked[user]; err == nil && number > last+pullUsers && last > 0 {
		err = fmt.Errorf("%s gets %d after %d", user, number, last)
	}
	l.held[user] = lending{process, until, text}
	return err
}

// begin notes that a poller is about to acknowledge what it has, and end what came of it.
func (l *lendings) begin(user, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, user)
	number, _ := strconv.Atoi(text)
	l.asked[user] = max(l.asked[user], number)
}

func (l *lendings) end(text string, settled pulled, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil || settled.Settled[0].Status == "unavailable":
		l.unknown[text] = true
	case settled.Settled[0].Status == "ok":
		l.acked[text] = true
	}
}

// heard counts the events whose poller acknowledged them, and did not hear that this changed nothing.
func (l *lendings) heard() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for event := range l.sent {
		if text := strconv.Itoa(event + 1); l.acked[text] || l.unknown[text] {
			n++
		}
	}
	return n
}

// poll takes events until all are acknowledged. The first poller vanishes once with what it has.
func (s *stack) poll(l *lendings, number int) {
	header, vanishes := s.poller("demo"), number == 0
	for l.over.Err() == nil {
		got, err := s.pull(header, "demo/receive", `{"max":4,"wait":"1s","lease":"10s"}`)
		if err != nil {
			select { // What delivers was killed.
			case <-time.After(100 * time.Millisecond):
			case <-l.over.Done():
			}
			continue
		}
		for _, e := range got.Events {
			if err := l.take(e.Event.Subject, e.Receipt, e.Event.Data.Text, e.LeaseUntil); err != nil {
				l.t.Error(err)
				return
			}
		}
		if vanishes && len(got.Events) > 0 {
			vanishes = false
			continue
		}
		for _, e := range got.Events {
			l.begin(e.Event.Subject, e.Event.Data.Text)
			settled, err := s.pull(header, "demo/settle", settleBody(e.Receipt, "ack"))
			l.end(e.Event.Data.Text, settled, err)
		}
	}
}
