package replay_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/replay"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// history has an event a second, of two bots in turn, and a change at the end.
type history int

func (h history) ReadHistory(_ context.Context, r queue.HistoryRange, show func(queue.HistoryRecord) error) error {
	after := -1
	if r.After != "" {
		after, _ = strconv.Atoi(r.After)
	}
	for n := after + 1; n <= int(h); n++ {
		e := &event.Event{ID: fmt.Sprint("e-", n), Bot: []string{"a", "b"}[n%2], Type: "command", Subject: "alice", Time: start.Add(time.Duration(n) * time.Second)}
		if n == int(h) {
			e.Type, e.VerifiedBy = "botgate.event.delivered", "botgate"
		}
		if err := show(queue.HistoryRecord{Event: e, Offset: strconv.Itoa(n)}); err != nil {
			return err
		}
	}
	return nil
}

var errDown = errors.New("down")

// target notes what it gets.
type target struct {
	ids     []string
	batches []int
	failAt  int // Fails the batch that would bring so many; 0 for never.
	refuse  string
	changes bool
}

func (g *target) Takes(e *event.Event) bool { return g.changes || !e.IsChange() }

func (g *target) Send(_ context.Context, entries []queue.HistoryRecord) (refused int, err error) {
	if g.failAt > 0 && len(g.ids)+len(entries) >= g.failAt {
		return 0, errDown
	}
	g.batches = append(g.batches, len(entries))
	for _, entry := range entries {
		if entry.Event.ID == g.refuse {
			refused++
			continue
		}
		g.ids = append(g.ids, entry.Event.ID)
	}
	return refused, nil
}

func TestRun(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cfg     replay.Config
		target  target
		want    replay.Summary
		batches []int
	}{
		"all":        {replay.Config{}, target{changes: true}, replay.Summary{Read: 251, Matched: 251, Sent: 251, Offset: "250"}, []int{100, 100, 51}},
		"no changes": {replay.Config{}, target{}, replay.Summary{Read: 251, Matched: 250, Sent: 250, Offset: "250"}, []int{100, 100, 50}},
		"bot": {
			replay.Config{Filter: replay.Filter{Bot: "a"}},
			target{},
			replay.Summary{Read: 251, Matched: 125, Sent: 125, Offset: "250"},
			[]int{100, 25},
		},
		"until": {
			replay.Config{Filter: replay.Filter{Until: start.Add(30 * time.Second)}},
			target{},
			replay.Summary{Read: 251, Matched: 30, Sent: 30, Offset: "250"},
			[]int{30},
		},
		"type":         {replay.Config{Filter: replay.Filter{Type: "github.push"}}, target{}, replay.Summary{Read: 251, Offset: "250"}, nil},
		"user":         {replay.Config{Filter: replay.Filter{Subject: "bob"}}, target{}, replay.Summary{Read: 251, Offset: "250"}, nil},
		"after":        {replay.Config{Range: queue.HistoryRange{After: "247"}}, target{}, replay.Summary{Read: 3, Matched: 2, Sent: 2, Offset: "250"}, []int{2}},
		"nothing left": {replay.Config{Range: queue.HistoryRange{After: "250"}}, target{}, replay.Summary{Offset: "250"}, nil},
		"dry run":      {replay.Config{DryRun: true}, target{}, replay.Summary{Read: 251, Matched: 250, Offset: "250"}, nil},
		"one by one, one refused": {
			replay.Config{Batch: 1, Range: queue.HistoryRange{After: "247"}},
			target{refuse: "e-249"},
			replay.Summary{Read: 3, Matched: 2, Sent: 1, Failed: 1, Offset: "250"},
			[]int{1, 1},
		},
		"with a rate": {
			replay.Config{Rate: 1000, Range: queue.HistoryRange{After: "150"}},
			target{},
			replay.Summary{Read: 100, Matched: 99, Sent: 99, Offset: "250"},
			[]int{99},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.cfg.History, tc.cfg.Target = history(250), &tc.target
			got, err := replay.Run(t.Context(), tc.cfg)
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
			require.Equal(t, tc.batches, tc.target.batches)
		})
	}
}

func TestInterruptedReplayGoesOn(t *testing.T) {
	t.Parallel()
	for _, batch := range []int{1, 7, 100, 1000} {
		for failAt := 1; failAt <= 250; failAt += 31 {
			g := &target{failAt: failAt}
			cfg := replay.Config{History: history(250), Target: g, Batch: batch, Filter: replay.Filter{Bot: "b"}}
			first, err := replay.Run(t.Context(), cfg)
			if failAt > 125 {
				require.NoError(t, err)
				continue
			}
			require.ErrorIs(t, err, errDown)
			require.Len(t, g.ids, first.Sent)
			g.failAt = 0
			cfg.Range.After = first.Offset
			_, err = replay.Run(t.Context(), cfg)
			require.NoError(t, err)
			require.Len(t, g.ids, 125, "each once: no batch was half done")
			for n, id := range g.ids {
				require.Equal(t, fmt.Sprint("e-", 2*n+1), id)
			}
		}
	}
}

func TestRateKeepsToTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	g := &target{}
	seen := 0
	_, err := replay.Run(ctx, replay.Config{History: history(250), Target: g, Rate: 1, Progress: func(replay.Summary) {
		if seen++; seen == 3 {
			cancel()
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.LessOrEqual(t, len(g.ids), 2)
}

func TestReceiver(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	var reported []error
	r := replay.Receiver{
		Post: func(_ context.Context, e *event.Event) error {
			switch e.Bot {
			case "no":
				return refused
			case "down":
				return errDown
			}
			return nil
		},
		Refused: func(err error) bool { return errors.Is(err, refused) },
		Report:  func(err error) { reported = append(reported, err) },
	}
	entry := func(bot string) queue.HistoryRecord { return queue.HistoryRecord{Event: &event.Event{Bot: bot}} }
	n, err := r.Send(t.Context(), []queue.HistoryRecord{entry("yes"), entry("no"), entry("yes")})
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, []error{refused}, reported)
	_, err = r.Send(t.Context(), []queue.HistoryRecord{entry("down")})
	require.ErrorIs(t, err, errDown)

	gone := queue.HistoryRecord{Event: &event.Event{Bot: "down", ID: "e", DataRef: "sha256:x"}}
	n, err = r.Send(t.Context(), []queue.HistoryRecord{gone})
	require.NoError(t, err, "an event without its body is not sent")
	require.Equal(t, 1, n)
	require.ErrorContains(t, reported[1], "not in the blob store")
}
