package integration

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
)

// bury records n dead letters of a bot.
func (s *stack) bury(bot string, n int) (ids []string) {
	s.t.Helper()
	var all []*event.Event
	accepted := time.Now().Add(-time.Hour)
	for i := range n {
		id, err := event.NewID("alice")
		require.NoError(s.t, err)
		e := &event.Event{
			ID: id, Bot: bot, Type: "command", Subject: "alice", Time: accepted.Add(time.Duration(i) * time.Millisecond),
			OrderKey: fmt.Sprint("key-", i%5), VerifiedBy: "jwt", ContentType: "application/json", Data: numbered(i),
		}
		e.Normalize()
		died, err := event.NewChange(e, event.Change{Status: event.StatusDead, Attempt: 1, At: e.Time.Add(time.Minute), StatusCode: 410, Error: "refused for good: the bot answered 410"})
		require.NoError(s.t, err)
		all, ids = append(all, e, died), append(ids, id)
	}
	require.NoError(s.t, storetest.Append(s.t.Context(), s.store(), all))
	return ids
}

// TestDeadReplayIsKilled replays the dead letters of one of two bots at a rate, and kills the process
// that does it in the middle: another one goes on once the lease of the first is over, which takes half
// a minute.
func TestDeadReplayIsKilled(t *testing.T) {
	t.Parallel()
	forEachEngineWithBots(t, func(t *testing.T, s *stack, other *bot) {
		const many, few, rate = 1050, 60, 10
		s.bury("other", many)
		ids := s.bury("demo", few)
		require.Len(t, s.deadPages("?bot=other&limit=200"), many)
		require.ElementsMatch(t, ids, s.deadPages("?bot=demo&reason=410&limit=7"))
		s.awaitDead("", many+few)

		worker := s.startWorker()
		var asked jobShown
		s.deadAPI(http.MethodPost, fmt.Sprintf("/replay?bot=demo&rate=%d", rate), http.StatusAccepted, &asked)
		begun := s.awaitJob(asked.ID, func(j jobShown) bool { return j.Done >= rate })
		require.Less(t, begun.Done, int64(few), "it goes at a rate")
		s.replaceWorker(worker)
		done := s.awaitJob(asked.ID, func(j jobShown) bool { return j.Status == "done" })
		require.GreaterOrEqual(t, done.Done, begun.Done)
		for _, id := range ids {
			s.awaitStatus(id, "delivered")
		}
		for _, d := range s.bot.all() {
			require.Equal(t, d.id+".r1", d.webhookID)
		}
		require.Equal(t, few, s.bot.distinct())
		require.LessOrEqual(t, len(s.bot.all()), few+2*rate, "only what was published since the last checkpoint may come twice")
		require.Empty(t, other.all())
		s.awaitDead("", many)
	})
}

// deadPages lists the ids over all pages.
func (s *stack) deadPages(query string) (ids []string) {
	s.t.Helper()
	for cursor := ""; ; {
		var page struct {
			Dead       []deadLetter
			NextCursor string `json:"next_cursor"`
		}
		s.deadAPI(http.MethodGet, query+"&cursor="+cursor, http.StatusOK, &page)
		for _, l := range page.Dead {
			ids = append(ids, l.ID)
		}
		if cursor = page.NextCursor; cursor == "" {
			return ids
		}
	}
}
