package integration

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/testsvc"
)

// sharedBots is how many bots the dispatch processes share.
const sharedBots = 12

// TestDispatchProcessesShareBots has one dispatch process become four and then, by kill -9, one again,
// while events come: each has its part of the bots, and nothing is lost, out of order, or, but for what
// a killed process had under way, delivered twice.
func TestDispatchProcessesShareBots(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.queueURL = testsvc.RabbitMQHost(t)
	s.env = append(s.env, "BOTGATE_QUEUE_URL="+s.queueURL)
	bots := s.writeManyBots()
	ledger := &ledger{next: map[string]int{}, last: map[string]time.Time{}}
	s.bot.failWith(func(d delivered) int {
		ledger.note(d)
		return 0
	})
	stop := s.load(bots, ledger)
	first := s.dispatcher(1)
	s.awaitOwned([]*process{first}, sharedBots)
	rest := []*process{s.dispatcher(2), s.dispatcher(3), s.dispatcher(4)}
	s.awaitOwned(append(rest, first), sharedBots/4)
	ledger.requireNoRepeats(t)

	rest[0].kill()
	s.awaitOwned([]*process{first, rest[1], rest[2]}, sharedBots/3)
	rest[1].kill()
	rest[2].kill()
	s.awaitOwned([]*process{first}, sharedBots)
	stop()
	eventually(t, ledger.complete)
	ledger.requireInOrder(t)
}

// writeManyBots has a bots file of bots that are all the stack's one.
func (s *stack) writeManyBots() queue.Bots {
	s.t.Helper()
	bots, entries := queue.Bots{}, []string{}
	for n := range sharedBots {
		name := fmt.Sprint("bot-", n)
		bots[name] = 1
		entry := fmt.Sprintf(`%q:{"url":%q,"allow_private":true,"secret_files":["demo-bot.secret"]}`, name, s.bot.server.URL+"/events")
		entries = append(entries, entry)
	}
	content := `{"bots":{` + strings.Join(entries, ",") + `}}`
	require.NoError(s.t, os.WriteFile(filepath.Join(s.dir, "data", "bots.json"), []byte(content), 0o600))
	return bots
}

// dispatcher starts a process with the role, and with a spool of its own.
func (s *stack) dispatcher(number int) *process {
	s.t.Helper()
	address := testsvc.FreeAddresses(s.t, 1)[0]
	p := start(s.t, s.dir, s.env, backendBinary, "--roles", "dispatch", "--listen", address,
		"--outcome-spool", filepath.Join("data", fmt.Sprintf("outcomes-%d.db", number)))
	p.base = "http://" + address
	return p
}

var ownedQueues = regexp.MustCompile(`(?m)^botgate_queue_owned (\d+)$`)

// awaitOwned waits until each process works on so many queues.
func (s *stack) awaitOwned(processes []*process, each int) {
	s.t.Helper()
	eventually(s.t, func() error {
		for _, p := range processes {
			a, err := send(http.MethodGet, p.base+"/metrics", nil, nil)
			if err != nil {
				return err
			}
			found := ownedQueues.FindSubmatch(a.body)
			if found == nil {
				return errors.New("a process does not say what it works on")
			}
			if n, err := strconv.Atoi(string(found[1])); err != nil || n != each {
				return fmt.Errorf("a process works on %s queues and not on %d", found[1], each)
			}
		}
		return nil
	})
}

// load publishes numbered events for all bots until the returned function is called.
func (s *stack) load(bots queue.Bots, to *ledger) (stop func()) {
	s.t.Helper()
	q, err := rabbitmq.Open(s.t.Context(), rabbitmq.Config{URL: s.queueURL})
	require.NoError(s.t, err)
	require.Eventually(s.t, func() bool {
		return q.DeclareBots(s.t.Context(), bots) == nil && q.Ready(s.t.Context()) == nil
	}, patience, 10*time.Millisecond)
	var ended atomic.Bool
	var sending sync.WaitGroup
	sending.Go(func() {
		for n := 0; !ended.Load(); n++ {
			for bot := range bots {
				e := &event.Event{
					Bot: bot, Type: "command", Subject: bot, OrderKey: bot, Time: time.Now(), VerifiedBy: "jwt", Data: numbered(n),
				}
				var err error
				if e.ID, err = event.NewID(bot); err != nil {
					s.t.Error(err)
				}
				// A queue that was just made may refuse the first message.
				for q.Publish(context.Background(), e) != nil && !s.t.Failed() {
					<-time.After(50 * time.Millisecond)
				}
			}
			to.published.Store(int64(n+1) * sharedBots)
		}
	})
	return sync.OnceFunc(func() {
		ended.Store(true)
		sending.Wait()
		require.NoError(s.t, q.Close())
	})
}

// ledger is what came of numbered events.
type ledger struct {
	published atomic.Int64

	mu       sync.Mutex
	next     map[string]int
	last     map[string]time.Time
	repeats  int
	wrong    []string
	distinct int
	silence  time.Duration // The longest between two events of a bot.
}

func (l *ledger) note(d delivered) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, expected := time.Now(), l.next[d.subject]
	if before, known := l.last[d.subject]; known {
		l.silence = max(l.silence, now.Sub(before))
	}
	l.last[d.subject] = now
	var number int
	_, _ = fmt.Sscanf(string(d.body), `{"command":"/n","text":"%d"}`, &number)
	switch {
	case number < expected:
		l.repeats++
	case number > expected:
		l.wrong = append(l.wrong, fmt.Sprintf("%s: %d in the place of %d", d.subject, number, expected))
	default:
		l.next[d.subject]++
		l.distinct++
	}
}

func (l *ledger) requireNoRepeats(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	require.Zero(t, l.repeats, "nothing was killed")
	t.Logf("until all four shared the bots, no bot waited for longer than %s", l.silence)
	l.silence = 0
}

func (l *ledger) complete() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if want := int(l.published.Load()); l.distinct != want {
		return fmt.Errorf("%d of %d events came", l.distinct, want)
	}
	return nil
}

func (l *ledger) requireInOrder(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	require.Empty(t, l.wrong)
	t.Logf("%d events, %d of them repeated after a kill; no bot waited for longer than %s", l.distinct, l.repeats, l.silence)
}
