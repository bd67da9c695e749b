package spool_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/spool"
	"github.com/botgate/botgate/internal/testlog"
)

// refuse has a bot's own queue, or Record for the name "", answer so.
func refuse(bot string, how outcome) func(queue.Group, *event.Event) outcome {
	return func(group queue.Group, e *event.Event) outcome {
		if bot == "" && group == queue.Record || group == queue.Dispatch && e.Bot == bot {
			return how
		}
		return take
	}
}

func newEventFor(t testing.TB, bot, key string, n int) *event.Event {
	t.Helper()
	e := newEvent(t, key, n)
	e.Bot = bot
	return e
}

// takenOf counts a bot's events in its queue.
func (b *broker) takenOf(bot string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := map[string]bool{}
	for _, e := range b.taken {
		if e.Bot == bot && !seen[e.ID] {
			seen[e.ID] = true
			n++
		}
	}
	return n
}

// most is the largest number of copies of an event that a group's queues have.
func (b *broker) most(group queue.Group) (most int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for l, n := range b.copies {
		if l.group == group {
			most = max(most, n)
		}
	}
	return most
}

// TestARefusingBotHoldsUpNoOther has one bot's queue refuse, or answer nothing, for many order keys.
// Other bots' events go to the broker in the very call, and those of them that were spooled before
// are drained.
func TestARefusingBotHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]outcome{"nack": nack, "timeout": block} {
		for _, keys := range []int{40, 300} {
			t.Run(fmt.Sprint(name, "/", keys), func(t *testing.T) {
				t.Parallel()
				b := &broker{}
				b.behave(always(unavailable))
				const bound = 50 * time.Millisecond
				q := open(t, b, spool.Config{DrainTimeout: bound}, spool.Options{ConfirmTimeout: bound})
				for n := range keys {
					require.NoError(t, q.Publish(t.Context(), newEventFor(t, "down", fmt.Sprint("k", n), n)))
				}
				for n := range 50 {
					require.NoError(t, q.Publish(t.Context(), newEventFor(t, "well", fmt.Sprint("w", n), n)))
				}
				b.behaveByQueue(refuse("down", how))
				b.behave(nil)
				require.Eventually(t, func() bool { return b.takenOf("well") == 50 && q.Stats().Events == keys }, patience, tick)
				for n := range 100 {
					before := b.takenOf("well")
					require.NoError(t, q.Publish(t.Context(), newEventFor(t, "well", fmt.Sprint("w", n), n)))
					require.Equal(t, before+1, b.takenOf("well"), "it went to the broker directly")
				}
				require.Equal(t, keys, q.file.BotStats()["down"].Events)
				require.Zero(t, b.takenOf("down"))
				b.behaveByQueue(nil)
				waitDrained(t, q)
				require.Equal(t, keys, b.takenOf("down"))
				require.Equal(t, 1, b.most(queue.Record), "one that has confirmed gets no copy")
				require.Equal(t, 1, b.most(queue.Dispatch))
			})
		}
	}
}

// TestRecordRefuses has the queue that all events are for refuse, over restarts: bots get theirs, and no
// more copies than the one of the publish for both queues and the one for the bot's alone.
func TestRecordRefuses(t *testing.T) {
	t.Parallel()
	b, path, logged := &broker{}, newPath(t), new(testlog.Buffer)
	b.behaveByQueue(refuse("", nack))
	const openings, each = 2, 20
	for opening := range openings {
		q := open(t, b, spool.Config{Path: path, Logger: logged.Logger()}, spool.Options{})
		for n := range each {
			require.NoError(t, q.Publish(t.Context(), newEventFor(t, fmt.Sprint("bot-", n%4), "k", opening*each+n)))
		}
		all := (opening + 1) * each
		require.Eventually(t, func() bool { return len(b.bodies("")) == all }, patience, tick)
		calls := b.published()
		require.Eventually(t, func() bool { return b.published() > calls+1 }, patience, tick, "it is asked again")
		require.Equal(t, all, q.Stats().Events)
		require.NoError(t, q.Close())
	}
	require.LessOrEqual(t, b.most(queue.Dispatch), 2)
	require.Contains(t, logged.String(), "a queue of the broker does not take events")
	b.behaveByQueue(nil)
	q := open(t, b, spool.Config{Path: path}, spool.Options{})
	waitDrained(t, q)
	require.Equal(t, 1, b.most(queue.Record))
	require.LessOrEqual(t, b.most(queue.Dispatch), 2)
}

// TestABotHasAShareOfTheSpool fills it with one bot's events: others still find room, and when there is none
// the broker is tried nevertheless.
func TestABotHasAShareOfTheSpool(t *testing.T) {
	t.Parallel()
	b := &broker{}
	b.behaveByQueue(refuse("down", nack))
	q := open(t, b, spool.Config{}, spool.Options{MaxBytes: 100_000})
	fill := func(bot string) (err error) {
		for n := 0; err == nil; n++ {
			err = q.Publish(t.Context(), newEventFor(t, bot, fmt.Sprint("k", n), n))
		}
		return err
	}
	err := fill("down")
	require.ErrorContains(t, err, "down")
	require.ErrorContains(t, err, "max_size")
	require.InDelta(t, 50_000, q.file.BotStats()["down"].Bytes, 2000)
	require.NoError(t, q.Ready(t.Context()))
	require.NoError(t, q.Publish(t.Context(), newEventFor(t, "well", "k", 1)))

	b.behave(always(unavailable))
	require.NoError(t, q.Publish(t.Context(), newEventFor(t, "well", "k", 2)), "there is room for it")
	require.ErrorContains(t, fill("well"), "well")
	require.ErrorContains(t, fill("third"), "third")
	require.Less(t, q.Stats().Bytes, int64(100_000))

	b.behaveByQueue(nil)
	b.behave(nil)
	waitDrained(t, q)
}

func TestAFullSpoolStillTriesTheBroker(t *testing.T) {
	t.Parallel()
	b := &broker{}
	b.behave(always(unavailable))
	q := open(t, b, spool.Config{}, spool.Options{MaxBytes: 2000, OneBot: func() bool { return true }})
	for n := 0; ; n++ {
		if q.Publish(t.Context(), newEvent(t, fmt.Sprint("k", n), n)) != nil {
			break
		}
	}
	b.behaveByQueue(refuse("bot", nack)) // So it stays full.
	b.behave(nil)
	for n := range 20 {
		require.NoError(t, q.Publish(t.Context(), newEventFor(t, "well", fmt.Sprint("k", n), n)))
	}
	require.Equal(t, 20, b.takenOf("well"))
}

// TestMaxAgeClosesForOneBot has only the bot refused whose events are too old.
func TestMaxAgeClosesForOneBot(t *testing.T) {
	t.Parallel()
	b := &broker{}
	b.behaveByQueue(refuse("down", nack))
	q := open(t, b, spool.Config{}, spool.Options{MaxAge: time.Hour})
	old := newEventFor(t, "down", "k", 1)
	old.Time = old.Time.Add(-2 * time.Hour)
	require.NoError(t, q.Publish(t.Context(), old))
	// Until Record has it, it is too old for all.
	require.Eventually(t, func() bool {
		err := q.Publish(t.Context(), newEventFor(t, "down", "other", 2))
		require.ErrorIs(t, err, queue.ErrUnconfirmed)
		require.ErrorContains(t, err, "max_age")
		return strings.Contains(err.Error(), "bot down")
	}, patience, tick)
	require.NoError(t, q.Publish(t.Context(), newEventFor(t, "well", "k", 3)))
	b.behave(always(unavailable))
	require.NoError(t, q.Publish(t.Context(), newEventFor(t, "well", "k", 4)), "the spool is open for it")
	require.NoError(t, q.Ready(t.Context()))
	b.behave(nil)
	b.behaveByQueue(nil)
	waitDrained(t, q)
}

// TestCloseDrains has a broker come back at the very end.
func TestCloseDrains(t *testing.T) {
	t.Parallel()
	b, path := &broker{}, newPath(t)
	b.behave(always(unavailable))
	q := open(t, b, spool.Config{Path: path, Grace: time.Minute}, spool.Options{})
	const keys = 300
	for n := 0; n < keys; {
		var events []*event.Event
		for range 100 {
			events = append(events, newEvent(t, fmt.Sprint("k", n), n))
			n++
		}
		require.NoError(t, q.Publish(t.Context(), events...))
	}
	b.behave(nil)
	require.Eventually(t, func() bool { return q.Stats().Events < keys }, patience, tick)
	require.NoError(t, q.file.Close())
	require.Len(t, b.bodies(""), keys)
	require.NoError(t, q.Close())
}

// TestTooLargeIsSetAside keeps what the broker never takes aside, after the second time, while
// everything else goes past.
func TestTooLargeIsSetAside(t *testing.T) {
	t.Parallel()
	b, logged := &broker{}, new(testlog.Buffer)
	b.behave(always(unavailable))
	q := open(t, b, spool.Config{Logger: logged.Logger()}, spool.Options{})
	large := newEvent(t, "k", 1)
	for _, e := range []*event.Event{newEvent(t, "k", 0), large, newEvent(t, "k", 2), newEventFor(t, "other", "o", 3)} {
		require.NoError(t, q.Publish(t.Context(), e))
	}
	tries := map[queue.Group]int{}
	b.behaveByQueue(func(group queue.Group, e *event.Event) outcome {
		if e.ID != large.ID {
			return take
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		tries[group]++
		return tooLarge
	})
	b.behave(nil)
	waitDrained(t, q)
	require.Equal(t, []string{"0", "2"}, b.bodies("k")[:2])
	require.Equal(t, 1, b.takenOf("other"))
	require.Equal(t, map[queue.Group]int{queue.Record: 2, queue.Dispatch: 2}, tries)
	require.Contains(t, logged.String(), large.ID)
	require.Positive(t, q.file.BotStats()["bot"].Bytes)
	require.Zero(t, q.file.BotStats()["other"])
}
