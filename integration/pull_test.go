package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// pulled is what a receive gets.
type pulled struct {
	Events []struct {
		Receipt    string    `json:"receipt"`
		Attempt    int       `json:"attempt"`
		LeaseUntil time.Time `json:"lease_until"`
		Event      struct {
			ID      string `json:"id"`
			Subject string `json:"subject"`
			Data    struct {
				Text string `json:"text"`
			} `json:"data"`
		} `json:"event"`
	} `json:"events"`
	Settled []settledReceipt `json:"settled"`
}

type settledReceipt struct {
	Receipt string `json:"receipt"`
	Status  string `json:"status"`
}

// writePullBots has the bots demo and other pull, with so many queues each.
func (s *stack) writePullBots(queues int) {
	s.t.Helper()
	content := fmt.Sprintf(`{"bots":{"demo":{"pull":true,"queues":%d},"other":{"pull":true}}}`, queues)
	require.NoError(s.t, os.WriteFile(filepath.Join(s.dir, "data", "bots.json"), []byte(content), 0o600))
}

// poller is a token for the events of a bot, of all without a name.
func (s *stack) poller(bot string) http.Header {
	s.t.Helper()
	claims := jwt.MapClaims{"sub": "worker", "scope": "events:pull"}
	if bot != "" {
		claims["bot"] = bot
	}
	return bearer(s.tokenWith(claims))
}

// pull sends a body to a path of a bot, and reads what is answered.
func (s *stack) pull(header http.Header, path, body string) (got pulled, err error) {
	a, err := send(http.MethodPost, s.base+"/v1/bots/"+path, header, []byte(body))
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("%s answers %d: %s", path, a.status, a.body)
	}
	if err == nil {
		err = json.Unmarshal(a.body, &got)
	}
	return got, err
}

// mustPull receives until there is an event, and returns it.
func (s *stack) mustPull(header http.Header, path, body string) (got pulled) {
	s.t.Helper()
	eventually(s.t, func() (err error) {
		if got, err = s.pull(header, path, body); err == nil && len(got.Events) == 0 {
			err = fmt.Errorf("no event at %s", path)
		}
		return err
	})
	return got
}

func settleBody(receipt, outcome string) string {
	return fmt.Sprintf(`{"settle":[{"receipt":%q,"outcome":%q}]}`, receipt, outcome)
}

// TestPulledEvents has a bot without an address take its events, on both engine sets.
func TestPulledEvents(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*stack){"embedded": (*stack).startEmbedded, "services": (*stack).startServices} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t)
			s.writePullBots(1)
			begin(s)
			s.requireLeases()
		})
	}
}

func (s *stack) requireLeases() {
	s.t.Helper()
	demo, other := s.poller("demo"), s.poller("other")
	first, second := s.accept("alice", hello), s.accept("alice", hello)
	got := s.mustPull(demo, "demo/receive", `{"lease":"15m"}`)
	require.Len(s.t, got.Events, 1, "one of a key at a time")
	require.Equal(s.t, first, got.Events[0].Event.ID)
	receipt := got.Events[0].Receipt

	for name, header := range map[string]http.Header{"another bot": other, "no scope": bearer(s.token("alice"))} {
		for _, path := range []string{"demo/receive", "demo/settle"} {
			a, err := send(http.MethodPost, s.base+"/v1/bots/"+path, header, []byte(settleBody(receipt, "ack")))
			require.NoError(s.t, err)
			require.Equal(s.t, http.StatusForbidden, a.status, "%s at %s", name, path)
		}
	}
	settled := func(header http.Header, path, body string) string {
		s.t.Helper()
		got, err := s.pull(header, path, body)
		require.NoError(s.t, err)
		require.Len(s.t, got.Settled, 1)
		return got.Settled[0].Status
	}
	require.Equal(s.t, "lost", settled(other, "other/settle", settleBody(receipt, "ack")), "a receipt is its bot's")
	require.Equal(s.t, "ok", settled(demo, "demo/settle", settleBody(receipt, "extend")))
	require.Equal(s.t, "lost", settled(demo, "demo/settle", settleBody(receipt+"x", "ack")))

	got = s.mustPull(demo, "demo/receive", settleBody(receipt, "ack"))
	require.Equal(s.t, []settledReceipt{{receipt, "ok"}}, got.Settled, "it rides on the next receive")
	s.awaitStatus(first, "delivered")
	require.Equal(s.t, second, got.Events[0].Event.ID)
	require.Equal(s.t, "ok", settled(demo, "demo/settle",
		fmt.Sprintf(`{"settle":[{"receipt":%q,"outcome":"retry","after":"0s"}]}`, got.Events[0].Receipt)))
	got = s.mustPull(demo, "demo/receive", `{"types":["command"]}`)
	require.Equal(s.t, 2, got.Events[0].Attempt)
	require.Equal(s.t, "ok", settled(demo, "demo/settle", settleBody(got.Events[0].Receipt, "dead")))
	s.awaitStatus(second, "dead")
	s.requireLeaseLostByKill(demo)
}

// requireLeaseLostByKill kills who gave a lease: the event comes again, the old receipt is stale.
func (s *stack) requireLeaseLostByKill(demo http.Header) {
	s.t.Helper()
	id := s.accept("bob", hello)
	old := s.mustPull(demo, "demo/receive", `{}`)
	if s.embedded() {
		s.gateway.kill()
		s.startGateway()
	} else {
		s.backends[2].kill()
		s.reviveDispatch()
	}
	again := s.mustPull(demo, "demo/receive", `{}`)
	require.Equal(s.t, []string{id, id}, []string{old.Events[0].Event.ID, again.Events[0].Event.ID})
	require.Equal(s.t, 1, again.Events[0].Attempt)
	got, err := s.pull(demo, "demo/settle", settleBody(old.Events[0].Receipt, "ack"))
	require.NoError(s.t, err)
	require.NotEqual(s.t, "ok", got.Settled[0].Status)
	got, err = s.pull(demo, "demo/settle", settleBody(again.Events[0].Receipt, "ack"))
	require.NoError(s.t, err)
	require.Equal(s.t, "ok", got.Settled[0].Status)
	s.awaitStatus(id, "delivered")
}
