package integration

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCommandReachesTheBot follows one command from its acceptance to its final status.
func TestCommandReachesTheBot(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, s *stack) {
		token := s.token("alice")
		body := []byte("{ \"command\": \"/hello\",\n \"text\": \"Hello, \\u0062ot\" }")
		a, err := s.command(token, "key-1", body)
		require.NoError(t, err)
		require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
		var accepted struct{ ID, Status string }
		a.json(t, &accepted)
		require.Equal(t, "accepted", accepted.Status)
		require.Equal(t, "/v1/events/"+accepted.ID, a.header.Get("Location"))

		again, err := s.command(token, "key-1", body)
		require.NoError(t, err)
		require.Equal(t, a.body, again.body, "a repeat has the same id")

		var status answer
		eventually(t, func() (err error) {
			var name string
			if name, status = s.eventStatus(token, accepted.ID); name != "delivered" {
				err = fmt.Errorf("status %q", name)
			}
			return err
		})
		require.Contains(t, string(status.body), string(body), "the body is shown byte for byte")
		var shown struct {
			ID, Bot, Type, Subject string
			Attempts               []struct{ Attempt, StatusCode int }
		}
		status.json(t, &shown)
		require.Equal(t, []string{accepted.ID, "demo", "command", "alice"}, []string{shown.ID, shown.Bot, shown.Type, shown.Subject})
		require.Len(t, shown.Attempts, 1)
		require.Len(t, s.bot.all(), 1, "the bot acts once")
		require.Equal(t, body, s.bot.all()[0].body)
		requireListed(t, s, token, accepted.ID)
	})
}

func requireListed(t *testing.T, s *stack, token, id string) {
	t.Helper()
	for query, want := range map[string]int{
		"bot=demo&user=alice&status=delivered&type=command&limit=10": 1, "user=bob": 0, "status=dead": 0, "bot=other": 0,
	} {
		a, err := send(http.MethodGet, s.base+"/v1/events?"+query, bearer(token), nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, a.status, "%s", a.body)
		var page struct{ Events []struct{ ID string } }
		a.json(t, &page)
		require.Len(t, page.Events, want, query)
		if want == 1 {
			require.Equal(t, id, page.Events[0].ID)
		}
	}
}

// TestOrderSurvivesFailures lets the bot fail now and then and finds the events of each
// user in the order in which they were accepted.
func TestOrderSurvivesFailures(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, s *stack) {
		calls := 0
		s.bot.failWith(func(delivered) int {
			if calls++; calls%7 == 0 {
				return http.StatusServiceUnavailable
			}
			return 0
		})
		const users, each = 5, 12
		done := make(chan error, users)
		for user := range users {
			go func() { done <- sendInOrder(s, fmt.Sprintf("user-%d", user), 0, each) }()
		}
		for range users {
			require.NoError(t, <-done)
		}
		eventually(t, func() error {
			if n := s.bot.distinct(); n != users*each {
				return fmt.Errorf("the bot got %d of %d", n, users*each)
			}
			return nil
		})
		requireInOrder(t, s.bot)
	})
}

// requireInOrder finds what the bot got of each user as sendInOrder sent it.
func requireInOrder(t *testing.T, b *bot) {
	t.Helper()
	got := map[string][]string{}
	for _, d := range b.all() {
		if !slices.Contains(got[d.subject], string(d.body)) {
			got[d.subject] = append(got[d.subject], string(d.body))
		}
	}
	for user, bodies := range got {
		for i, body := range bodies {
			require.Equal(t, numbered(i), []byte(body), user)
		}
	}
}

// sendInOrder sends the user's commands with the numbers from first up to, and without, end.
func sendInOrder(s *stack, user string, first, end int) error {
	token := s.token(user)
	for i := first; i < end; i++ {
		a, err := s.command(token, "", numbered(i))
		if err != nil {
			return err
		}
		if a.status != http.StatusAccepted {
			return fmt.Errorf("answered %d", a.status)
		}
	}
	return nil
}

func numbered(i int) []byte { return []byte(`{"command":"/n","text":"` + strconv.Itoa(i) + `"}`) }

// TestPermanentFailureIsDead lets the bot refuse an event for good.
func TestPermanentFailureIsDead(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.startEmbedded()
	s.bot.failWith(func(delivered) int { return http.StatusBadRequest })
	token := s.token("alice")
	a, err := s.command(token, "", hello)
	require.NoError(t, err)
	var accepted struct{ ID string }
	a.json(t, &accepted)
	eventually(t, func() error {
		if status, _ := s.eventStatus(token, accepted.ID); status != "dead" {
			return fmt.Errorf("status %q", status)
		}
		return nil
	})
}
