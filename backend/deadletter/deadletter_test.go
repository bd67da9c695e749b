package deadletter_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/deadletter"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/rfc3339"
)

// filled has n dead letters of two bots in turn, and between them events that live. The i-th died
// i minutes after the start, the even ones by a refusal.
func filled(t *testing.T, n int) (s *storetest.Fake, ids []string, start time.Time) {
	t.Helper()
	s, start = storetest.NewFake(), store.Micros(time.Now().Add(-24*time.Hour))
	var all []*event.Event
	for i := range n {
		lives, dies := storetest.Event(2*i), storetest.Event(2*i+1)
		dies.Bot, dies.Subject = fmt.Sprint("bot-", i%2), fmt.Sprint("user-", i%3)
		for _, e := range []*event.Event{lives, dies} {
			e.Time = start.Add(time.Duration(i) * time.Second)
		}
		change := event.Change{Status: event.StatusDead, Attempt: 3, At: start.Add(time.Duration(i) * time.Minute), Error: "out of time: the bot answered 503"}
		if i%2 == 0 {
			change.StatusCode, change.Error = 410, "Refused for good: the bot answered 410"
		}
		died, err := event.NewChange(dies, change)
		require.NoError(t, err)
		all, ids = append(all, lives, dies, died), append(ids, dies.ID)
	}
	entries, err := storetest.Entries(all)
	require.NoError(t, err)
	_, err = s.Append(t.Context(), entries)
	require.NoError(t, err)
	return s, ids, start
}

// list returns the ids over all pages.
func list(t *testing.T, s deadletter.Store, q deadletter.Query) (ids []string) {
	t.Helper()
	for {
		page, err := deadletter.List(t.Context(), s, q)
		require.NoError(t, err)
		for _, r := range page.Records {
			ids = append(ids, r.Event.ID)
		}
		if page.Next == nil {
			return ids
		}
		q.After = *page.Next
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	s, ids, start := filled(t, 12)
	for name, c := range map[string]struct {
		filter deadletter.Filter
		want   []int
	}{
		"all":      {deadletter.Filter{}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
		"bot":      {deadletter.Filter{Bot: "bot-1"}, []int{1, 3, 5, 7, 9, 11}},
		"user":     {deadletter.Filter{User: "user-2", Bot: "bot-0"}, []int{2, 8}},
		"type":     {deadletter.Filter{Type: "none"}, nil},
		"reason":   {deadletter.Filter{Reason: "refused FOR"}, []int{0, 2, 4, 6, 8, 10}},
		"since":    {deadletter.Filter{Since: rfc3339.Time{Time: start.Add(9 * time.Minute)}}, []int{9, 10, 11}},
		"until":    {deadletter.Filter{Until: rfc3339.Time{Time: start.Add(3 * time.Minute)}}, []int{0, 1, 2}},
		"window":   {deadletter.Filter{Since: rfc3339.Time{Time: start.Add(3 * time.Minute)}, Until: rfc3339.Time{Time: start.Add(6 * time.Minute)}, Reason: "503"}, []int{3, 5}},
		"long ago": {deadletter.Filter{Until: rfc3339.Time{Time: start.Add(-48 * time.Hour)}}, nil},
	} {
		for _, limit := range []int{-1, 1, 5, 300} {
			want := []string(nil)
			for _, i := range c.want {
				want = append(want, ids[i])
			}
			require.Equal(t, want, list(t, s, deadletter.Query{Filter: c.filter, Limit: limit, Oldest: true}), name)
			for i, j := 0, len(want)-1; i < j; i, j = i+1, j-1 {
				want[i], want[j] = want[j], want[i]
			}
			require.Equal(t, want, list(t, s, deadletter.Query{Filter: c.filter, Limit: limit}), name)
		}
	}
}

// TestBudget has a filter match what is behind more than one call looks through.
func TestBudget(t *testing.T) {
	t.Parallel()
	s := endless{}
	page, err := deadletter.List(t.Context(), s, deadletter.Query{Filter: deadletter.Filter{Reason: "none"}, Limit: 10})
	require.NoError(t, err)
	require.Empty(t, page.Records)
	require.NotNil(t, page.Next)
	sum, err := deadletter.Summarize(t.Context(), s, deadletter.Filter{})
	require.NoError(t, err)
	require.NotNil(t, sum.Next)
	require.Positive(t, sum.Count)
	require.LessOrEqual(t, sum.Count, 25_000)
}

func TestSummary(t *testing.T) {
	t.Parallel()
	s, _, start := filled(t, 5)
	sum, err := deadletter.Summarize(t.Context(), s, deadletter.Filter{Until: rfc3339.Time{Time: start.Add(4 * time.Minute)}})
	require.NoError(t, err)
	require.Len(t, sum.Sample, 4)
	require.Equal(t, start.Add(3*time.Minute), deadletter.DiedAt(sum.Sample[0]), "the newest first")
	sum.Sample = nil
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	require.Equal(t, &deadletter.Summary{
		Count: 4, Oldest: at(0), Newest: at(3),
		Bots: []deadletter.Group{{"bot-0", 2, at(0), at(2)}, {"bot-1", 2, at(1), at(3)}},
		Reasons: []deadletter.Group{
			{"Refused for good: the bot answered 410", 2, at(0), at(2)}, {"out of time: the bot answered 503", 2, at(1), at(3)},
		},
	}, sum)
}

func TestGet(t *testing.T) {
	t.Parallel()
	s, ids, start := filled(t, 2)
	r, err := deadletter.Get(t.Context(), s, ids[1])
	require.NoError(t, err)
	require.Equal(t, "out of time: the bot answered 503", deadletter.Reason(r))
	require.Equal(t, start.Add(time.Minute), deadletter.DiedAt(r))
	require.NotEmpty(t, r.Event.Data)
	for _, id := range []string{"nothing", storetest.Event(0).ID} {
		_, err := deadletter.Get(t.Context(), s, id)
		require.ErrorIs(t, err, store.ErrNotFound)
	}
}
