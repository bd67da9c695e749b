package rabbitmq

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// TestBulkGoesWhereItIsConsumed has a bot get a lane for its bulk, and lose it.
func TestBulkGoesWhereItIsConsumed(t *testing.T) {
	t.Parallel()
	e := testEvent()
	e.MakeBulk()
	own, shared := newTopology("p", false), newTopology("p", true)
	home := func(t topology) string { return t.home(queue.Dispatch, e).name }
	usual := "p.bot." + e.Bot
	require.Equal(t, usual, home(own), "nobody declared it")
	with := queue.Bots{e.Bot: 1, event.BulkOf(e.Bot): 1}
	own.learn(with)
	require.Equal(t, usual+".bulk", home(own))
	require.Equal(t, []string{e.Bot + ".bulk.0"}, own.home(queue.Dispatch, e).keys)
	own.learn(queue.Bots{e.Bot: 1})
	require.Equal(t, usual, home(own), "its bot has none any more")
	require.Equal(t, usual+".bulk", own.ofBots(event.BulkOf(e.Bot))[0].name, "what is left there counts")
	own.learn(with)
	require.Equal(t, usual+".bulk", home(own), "and has it again")
	shared.learn(with)
	require.Equal(t, shared.botQueue(e.Bot, 0), home(shared))
}
