package integration

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// acceptances are the events that users have been answered 202 for.
type acceptances struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (a *acceptances) add(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ids[id] = true
}

func (a *acceptances) now() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Collect(maps.Keys(a.ids))
}

// commandUntilDown has users send numbered commands until the gateway is gone.
func (s *stack) commandUntilDown(users int) (accepted *acceptances, done *sync.WaitGroup) {
	accepted, done = &acceptances{ids: map[string]bool{}}, new(sync.WaitGroup)
	for user := range users {
		token := s.token(fmt.Sprintf("user-%d", user))
		done.Go(func() {
			for i := 0; ; i++ {
				a, err := s.command(token, "", numbered(i))
				var event struct{ ID string }
				if err != nil || a.status != http.StatusAccepted {
					return
				}
				a.json(s.t, &event)
				accepted.add(event.ID)
			}
		})
	}
	return accepted, done
}

// TestRestoreDrill makes a backup under load, loses the machine, and goes on from the backup on another one. What was
// accepted before the backup began is there, each event once, and the bot gets what it did not have, in order.
func TestRestoreDrill(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.startEmbedded()
	large := s.accept("large", fmt.Appendf(nil, `{"command":"/large","args":["%s"]}`, strings.Repeat("x", 400<<10)))
	s.bot.failWith(func(d delivered) int {
		if d.subject == "user-0" { // So that something waits in the queue.
			return http.StatusServiceUnavailable
		}
		return 0
	})
	accepted, done := s.commandUntilDown(4)
	more := func(than int) {
		eventually(t, func() error {
			if n := len(accepted.now()); n <= than {
				return fmt.Errorf("%d accepted", n)
			}
			return nil
		})
	}
	more(50)
	before := append(accepted.now(), large)
	stdout, stderr, code := run(t, s.dir, s.env, "", gatewayBinary, "backup", "--secrets", "backups/1")
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, "blobs: 1 large bodies")
	more(len(accepted.now()) + 20)
	s.gateway.kill()
	done.Wait()

	lost := s.dir
	s.dir = t.TempDir()
	s.database = "sqlite:" + filepath.Join(s.dir, "data", "events.db")
	require.NoError(t, os.Rename(filepath.Join(lost, "backups", "1"), filepath.Join(s.dir, "backup")))
	require.NoError(t, os.RemoveAll(filepath.Join(lost, "data")))
	for range 2 {
		stdout, stderr, code = run(t, s.dir, s.env, "", gatewayBinary, "restore", "backup")
		if code != 0 {
			break
		}
		require.Contains(t, stdout, "queue.db")
	}
	require.Contains(t, stderr, "nothing is overwritten")
	s.bot.failWith(nil)
	s.startGateway()
	s.awaitRestored(before)
	requireInOrder(t, &bot{received: slices.DeleteFunc(s.bot.all(), func(d delivered) bool { return d.subject == "large" })})
	after := s.acceptMany("bob", 1)
	s.awaitRestored(after)
	t.Logf("%d events were accepted before the backup began, %d after", len(before), len(accepted.now())+1-len(before))
}

// awaitRestored waits until the events are in the database, each once, and the bot has them.
func (s *stack) awaitRestored(ids []string) {
	s.t.Helper()
	eventually(s.t, func() error {
		times := s.timesDelivered()
		got := map[string]bool{}
		for _, d := range s.bot.all() {
			got[d.id] = true
		}
		for _, id := range ids {
			if times[id] != 1 || !got[id] {
				return fmt.Errorf("event %s is there %d times, and at the bot: %v", id, times[id], got[id])
			}
		}
		return nil
	})
}

// TestRestorePostgres loses a database after its dump, restores the dump into another one, and replays what came since.
func TestRestorePostgres(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.env = append(s.env, "BOTGATE_HISTORY=2h 64MiB")
	s.startServices()
	before := s.acceptMany("alice", 20)
	s.awaitAll(before...)
	dump, err := testsvc.PostgresTool(t, "pg_dump", "--no-owner", s.database).Output()
	require.NoError(t, err)
	after := s.acceptMany("alice", 20)
	s.awaitAll(append(before, after...)...)

	for _, p := range s.backends {
		p.kill()
	}
	require.NoError(t, s.store().Close())
	s.opened, s.database = nil, testsvc.Postgres(t)
	load := testsvc.PostgresTool(t, "psql", "--quiet", "--set", "ON_ERROR_STOP=1", s.database)
	load.Stdin = bytes.NewReader(dump)
	out, err := load.CombinedOutput()
	require.NoError(t, err, string(out))
	s.env = append(s.env, "BOTGATE_DATABASE_URL="+s.database)
	s.startBackends()
	require.Len(t, s.recorded(), len(before))
	s.replay("--to", "record")
	s.awaitAll(append(before, after...)...)
	require.Len(t, s.bot.all(), len(before)+len(after), "the bot noticed nothing")
}
