package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// replay runs "botgate-backend replay" over the last minutes.
func (s *stack) replay(args ...string) string {
	s.t.Helper()
	args = append([]string{"replay", "--since", "10m"}, args...)
	stdout, stderr, code := run(s.t, s.dir, s.env, "", backendBinary, args...)
	require.Zero(s.t, code, stderr)
	return stdout
}

// acceptMany sends commands one after another and returns their events' ids in that order.
func (s *stack) acceptMany(user string, n int) []string {
	s.t.Helper()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = s.accept(user, fmt.Appendf(nil, `{"command":"/hello","args":["%d"]}`, i))
	}
	return ids
}

// timesDelivered counts how often each event is in the database as delivered.
func (s *stack) timesDelivered() map[string]int {
	s.t.Helper()
	times := map[string]int{}
	for _, r := range s.recorded() {
		if r.Status == "delivered" {
			times[r.Event.ID]++
		}
	}
	return times
}

// awaitAll waits until exactly these events are in the database, each once and delivered.
func (s *stack) awaitAll(ids ...string) {
	s.t.Helper()
	eventually(s.t, func() error {
		times := s.timesDelivered()
		for _, id := range ids {
			if times[id] != 1 {
				return fmt.Errorf("event %s is there %d times", id, times[id])
			}
		}
		if len(times) != len(ids) {
			return fmt.Errorf("%d events instead of %d", len(times), len(ids))
		}
		return nil
	})
}

// TestReplay loses what record had to do, or has done, and brings it back; then it delivers
// events again.
func TestReplay(t *testing.T) {
	t.Parallel()
	t.Run("Embedded", func(t *testing.T) {
		s := newStack(t)
		s.startEmbedded()
		alice, bob := s.acceptMany("alice", 5), s.acceptMany("bob", 5)
		s.awaitAll(append(alice, bob...)...)
		require.Zero(t, s.gateway.stop())
		// The database is lost, with all that was acknowledged.
		require.NoError(t, s.store().Close())
		s.opened = nil
		for _, suffix := range []string{"", "-wal", "-shm"} {
			path := filepath.Join(s.dir, "data", "events.db"+suffix)
			if err := os.Remove(path); err != nil {
				require.ErrorIs(t, err, os.ErrNotExist)
			}
		}
		s.startGateway()
		require.Empty(t, s.recorded())
		require.Equal(t, "read 20, matched 20, sent 20, failed 0\n", s.replay("--to", "record"))
		s.awaitAll(append(alice, bob...)...)
		require.Len(t, s.bot.all(), 10, "the bot noticed nothing")
		s.replayToOthers(t, alice, bob)
	})
	t.Run("Services", func(t *testing.T) {
		s := newStack(t)
		s.env = append(s.env, "BOTGATE_HISTORY=2h 64MiB")
		s.startServices()
		alice := s.acceptMany("alice", 3)
		s.awaitAll(alice...)
		// Events and outcomes wait for record when its queue is deleted.
		s.backends[1].kill()
		bob := s.acceptMany("bob", 7)
		eventually(t, func() error {
			if n := s.bot.distinct(); n < 10 {
				return fmt.Errorf("the bot got %d", n)
			}
			return nil
		})
		conn, err := amqp.Dial(s.queueURL)
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		ch, err := conn.Channel()
		require.NoError(t, err)
		lost, err := ch.QueueDelete("botgate.record", false, false, false)
		require.NoError(t, err)
		require.GreaterOrEqual(t, lost, 7)
		start(t, s.dir, s.env, backendBinary, "--roles", "record", "--listen", testsvc.FreeAddresses(t, 1)[0])
		s.replay("--to", "record")
		s.awaitAll(append(alice, bob...)...)
		require.Len(t, s.bot.all(), 10, "the bot noticed nothing")
		s.replayToOthers(t, alice, bob)
	})
}

// replayToOthers delivers events again, to the bot and to a receiver that is new.
func (s *stack) replayToOthers(t *testing.T, alice, bob []string) {
	t.Helper()
	before := len(s.bot.all())
	counts := fmt.Sprintf("matched %d, sent %%d, failed 0\n", len(alice))
	require.Contains(t, s.replay("--to", "dispatch", "--user", "alice", "--dry-run"), fmt.Sprintf(counts, 0))
	require.Contains(t, s.replay("--to", "dispatch", "--user", "alice"), fmt.Sprintf(counts, len(alice)))
	eventually(t, func() error {
		if n := len(s.bot.all()); n != before+len(alice) {
			return fmt.Errorf("the bot got %d", n)
		}
		return nil
	})
	require.Equal(t, alice, idsOf(s.bot.all()[before:]))
	eventually(t, func() error {
		_, a := s.eventStatus(s.token("alice"), alice[2])
		var e struct{ Attempts []struct{ Status string } }
		a.json(t, &e)
		if len(e.Attempts) != 3 || e.Attempts[1].Status != "replayed" || e.Attempts[2].Status != "delivered" {
			return fmt.Errorf("%s", a.body)
		}
		return nil
	})

	secret := filepath.Join(s.dir, "data", "demo-bot.secret")
	receiver := newBot(t, secret)
	stdout := s.replay("--to", receiver.server.URL+"/new", "--secret-file", secret, "--type", "command", "--rate", "1000")
	require.Contains(t, stdout, "matched 10, sent 10, failed 0\n")
	require.Equal(t, append(alice, bob...), idsOf(receiver.all()))
}

func idsOf(all []delivered) []string {
	ids := make([]string, len(all))
	for i, d := range all {
		ids[i] = d.id
	}
	return ids
}
