package integration

import (
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/testsvc"
)

var bye = []byte(`{"command":"/bye"}`)

// ask sends a command that has to be answered.
func (s *stack) ask(user, key string, body []byte) answer {
	s.t.Helper()
	a, err := s.command(s.token(user), key, body)
	require.NoError(s.t, err)
	return a
}

// idOf is the id of the event that a key of the user stands for, with the body hello.
func idOf(user, key string) string {
	content := event.ContentOf("command", user, hello)
	return event.Identity{
		Bot: "demo", Sender: event.ClientSender("botgate", user), Key: key, Content: content[:],
	}.ID(user)
}

// requireAccepted finds the 202 of the event that a key of the user stands for.
func requireAccepted(t *testing.T, user, key string, a answer) (id string) {
	t.Helper()
	id = idOf(user, key)
	requireAnswer(t, http.StatusAccepted, fmt.Sprintf(`{"id":%q,"status":"accepted"}`, id), a)
	require.Equal(t, "/v1/events/"+id, a.header.Get("Location"))
	return id
}

func replayed(a answer) bool { return a.header.Get("Idempotency-Replayed") == "true" }

// requireReplay finds the answer to a key of the user once more.
func requireReplay(t *testing.T, user, key string, a answer) {
	t.Helper()
	requireAccepted(t, user, key, a)
	require.True(t, replayed(a))
}

// eventuallyAccepted sends a key again until it blocks no more, and finds it published again.
func (s *stack) eventuallyAccepted(user, key string) {
	s.t.Helper()
	eventually(s.t, func() error {
		a := s.ask(user, key, hello)
		if a.status == http.StatusConflict {
			return fmt.Errorf("the key of %s is still blocked", user)
		}
		requireAccepted(s.t, user, key, a)
		require.False(s.t, replayed(a), "nobody knows of a confirmation")
		return nil
	})
}

var repeatedLine = regexp.MustCompile(`(?m)^botgate_enqueue_requests_total\{outcome="repeated"\} (\d+)`)

// repeated is how many requests this gateway answered without a publish.
func (s *stack) repeated() int {
	s.t.Helper()
	a, err := send(http.MethodGet, "http://"+s.admin+"/metrics", nil, nil)
	require.NoError(s.t, err)
	match := repeatedLine.FindSubmatch(a.body)
	if match == nil {
		return 0
	}
	n, err := strconv.Atoi(string(match[1]))
	require.NoError(s.t, err)
	return n
}

// times counts how often the bot got an event.
func (b *bot) times(id string) (n int) {
	for _, d := range b.all() {
		if d.id == id {
			n++
		}
	}
	return n
}

// requireDeliveredOnce waits for a later event of the same order key, which the bot gets
// after all that came before it, and finds the event delivered and recorded once.
func (s *stack) requireDeliveredOnce(user, id string) {
	s.t.Helper()
	last := requireAccepted(s.t, user, "last-of-"+id, s.ask(user, "last-of-"+id, hello))
	eventually(s.t, func() error {
		if s.bot.times(last) == 0 {
			return fmt.Errorf("the last event of %s is not delivered", user)
		}
		return nil
	})
	require.Equal(s.t, 1, s.bot.times(id))
	eventually(s.t, func() error {
		n := 0
		for _, r := range s.recorded() {
			if r.Event.ID == id {
				n++
			}
		}
		if n != 1 {
			return fmt.Errorf("%s is recorded %d times", id, n)
		}
		return nil
	})
}

// waitingForRedis is the shipped Caddyfile with gateways that wait for Redis, however slow
// the machine is.
func (s *stack) waitingForRedis() string {
	return s.caddyfileWith(s.t, "bot_enqueue {\n", "bot_enqueue {\n\tidempotency_budget 20s\n")
}

// TestIdempotencyKeys sends keys to two gateways that share a Redis: as they were, with
// another body, at the same time, without reading the answer, and after a kill.
func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*stack){
		"Services": (*stack).startServices,
		"EmbeddedWithRedis": func(s *stack) {
			s.env = append(s.env, "BOTGATE_REDIS_URL="+testsvc.StartRedis(s.t).URL)
			s.startEmbedded()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t)
			s.config = s.waitingForRedis()
			start(s)
			other := s.secondGateway()

			first := s.ask("alice", "k", hello)
			id := requireAccepted(t, "alice", "k", first)
			require.False(t, replayed(first))
			for _, gateway := range []*stack{s, other} {
				requireReplay(t, "alice", "k", gateway.ask("alice", "k", hello))
				requireProblem(t, gateway.ask("alice", "k", bye), http.StatusUnprocessableEntity, "idempotency-mismatch")
			}
			others := other.ask("bob", "k", hello)
			requireAccepted(t, "bob", "k", others)
			require.False(t, replayed(others), "a key belongs to its user")

			requireOneOfMany(t, s, other)
			requireAnswerNobodyRead(t, s, other)
			requireRedelivery(t, s, other)
			s.requireDeliveredOnce("alice", id)

			s.gateway.kill()
			s.startGateway()
			requireReplay(t, "alice", "k", s.ask("alice", "k", hello))
		})
	}
}

// requireOneOfMany sends one key many times at once.
func requireOneOfMany(t *testing.T, gateways ...*stack) {
	t.Helper()
	token := gateways[0].token("carol")
	answers := make([]answer, 24)
	errs := make([]error, len(answers))
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() { answers[i], errs[i] = gateways[i%len(gateways)].command(token, "rush", hello) })
	}
	group.Wait()
	firsts := 0
	for i, a := range answers {
		require.NoError(t, errs[i])
		if a.status == http.StatusConflict {
			requireInFlight(t, a)
			continue
		}
		requireAccepted(t, "carol", "rush", a)
		if !replayed(a) {
			firsts++
		}
	}
	require.Equal(t, 1, firsts)
	for _, gateway := range gateways {
		requireReplay(t, "carol", "rush", gateway.ask("carol", "rush", hello))
	}
	gateways[0].requireDeliveredOnce("carol", idOf("carol", "rush"))
}

func requireInFlight(t *testing.T, a answer) {
	t.Helper()
	requireProblem(t, a, http.StatusConflict, "idempotency-conflict")
	require.Equal(t, "1", a.header.Get("Retry-After"))
}

// requireAnswerNobodyRead sends a command over a connection that is never read, and asks the
// other gateway for the answer.
func requireAnswerNobodyRead(t *testing.T, s, other *stack) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST /v1/bots/demo/commands HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nIdempotency-Key: unread\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", s.token("dave"), len(hello), hello)
	require.NoError(t, err)
	id := idOf("dave", "unread")
	eventually(t, func() error {
		if s.bot.times(id) == 0 {
			return fmt.Errorf("the bot did not get it")
		}
		return nil
	})
	eventually(t, func() error {
		a := other.ask("dave", "unread", hello)
		if a.status == http.StatusConflict {
			return fmt.Errorf("the first request is in progress")
		}
		requireReplay(t, "dave", "unread", a)
		return nil
	})
	s.requireDeliveredOnce("dave", id)
}

// requireRedelivery sends a delivery of GitHub to one gateway and again to another one, which knows of it as soon as
// Redis was told.
func requireRedelivery(t *testing.T, s, other *stack) {
	t.Helper()
	first, before := s.ping("redelivered"), other.repeated()
	require.Equal(t, http.StatusAccepted, first.status, "%s", first.body)
	eventually(t, func() error {
		again := other.ping("redelivered")
		requireAnswer(t, first.status, string(first.body), again)
		require.False(t, replayed(again), "that is for API clients")
		if other.repeated() != before+1 {
			return fmt.Errorf("the other gateway did not know it")
		}
		return nil
	})
}

// TestKilledInFlight kills a gateway before the queue confirms, and another one after that
// and before Redis knows. Both keys are blocked for their lease at most, and then published
// again; neither event is there twice.
func TestKilledInFlight(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	// A spool would confirm in the broker's place.
	s.env = append(s.env, "BOTGATE_ON_BROKER_ERROR=reject")
	// Requests wait for the queue until they are killed, however slow the machine is.
	s.config = s.caddyfileWith(t, "bot_enqueue {\n", "bot_enqueue {\n\tidempotency_budget 20s\n\ttimeout 20s\n")
	s.startServicesAlone()
	other := s.secondGateway()
	unanswered := func(gateway *stack, user string, claims int) <-chan error {
		broken := make(chan error, 1)
		token := gateway.token(user)
		go func() {
			_, err := gateway.command(token, "k", hello)
			broken <- err
		}()
		eventually(t, func() error {
			if n := s.claims(); n != claims {
				return fmt.Errorf("%d keys are claimed", n)
			}
			return nil
		})
		return broken
	}

	s.rabbit.Pause()
	unconfirmed := unanswered(s, "alice", 1)
	s.requireScrapes()
	requireInFlight(t, other.ask("alice", "k", hello))
	requireProblem(t, other.ask("alice", "k", bye), http.StatusUnprocessableEntity, "idempotency-mismatch")
	s.gateway.kill()
	require.Error(t, <-unconfirmed)

	unrecorded := unanswered(other, "bob", 2)
	s.redis.Pause()
	s.rabbit.Resume()
	eventually(t, func() error {
		if s.bot.times(idOf("bob", "k")) == 0 {
			return fmt.Errorf("the bot did not get it")
		}
		return nil
	})
	require.NoError(t, <-unrecorded, "the answer does not wait for Redis")
	other.gateway.kill()
	s.redis.Resume()

	s.startGateway()
	for _, user := range []string{"alice", "bob"} {
		s.eventuallyAccepted(user, "k")
		s.requireDeliveredOnce(user, idOf(user, "k"))
	}
}

// claims counts the keys that Redis knows.
func (s *stack) claims() int {
	s.t.Helper()
	options, err := redis.ParseURL(s.redis.URL)
	require.NoError(s.t, err)
	client := redis.NewClient(options)
	defer func() { require.NoError(s.t, client.Close()) }()
	keys, err := client.Keys(s.t.Context(), "botgate:claim:*").Result()
	require.NoError(s.t, err)
	return len(keys)
}

// TestIdempotencyKeysInTheProcess has no Redis, or loses it: nobody is refused, each
// gateway tells the repeats that it saw itself, and ids keep the rest once.
func TestIdempotencyKeysInTheProcess(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"NoRedis", "RedisDown"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t)
			lost := name == "RedisDown"
			if lost {
				s.redis = testsvc.StartRedis(t)
				s.env = append(s.env, "BOTGATE_REDIS_URL="+s.redis.URL)
			}
			s.startEmbedded()
			other := s.secondGateway()
			for _, gateway := range []*stack{s, other} {
				// So that it has its copy of the revocations before Redis goes.
				require.Equal(t, http.StatusAccepted, gateway.ask("alice", "", hello).status)
			}
			if lost {
				s.redis.Kill()
			}
			id := requireAccepted(t, "alice", "k", s.ask("alice", "k", hello))
			requireReplay(t, "alice", "k", s.ask("alice", "k", hello))
			requireProblem(t, s.ask("alice", "k", bye), http.StatusUnprocessableEntity, "idempotency-mismatch")
			again := other.ask("alice", "k", hello)
			requireAccepted(t, "alice", "k", again)
			require.False(t, replayed(again), "the other gateway did not see the first one")
			s.requireDeliveredOnce("alice", id)
			warned := strings.Contains(s.gateway.output.String(), "each gateway knows only its own idempotency keys")
			require.Equal(t, lost, warned)
			if lost {
				s.redis.Restart()
			}
			s.gateway.kill()
			s.startGateway()
			s.eventuallyAccepted("alice", "k")
			eventually(t, func() error {
				// Two before it, the event once, and the last one.
				if n := len(s.recorded()); n != 4 {
					return fmt.Errorf("%d events are recorded", n)
				}
				return nil
			})
		})
	}
}
