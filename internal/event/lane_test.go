package event_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
)

func TestBulkHasLanesAndOrderKeysOfItsOwn(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ key, want string }{
		"without a key": {"", "/bulk/1"},
		"with one":      {"room", "/bulk/room"},
		"a long one":    {strings.Repeat("k", 600), "/bulk/k"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := &event.Event{ID: "1", Bot: "demo", Type: "command", Subject: "alice", OrderKey: tc.key, Time: time.Now()}
			require.False(t, e.IsBulk())
			require.Equal(t, "demo", e.Lane())
			e.MakeBulk()
			e.Normalize()
			require.True(t, strings.HasPrefix(e.OrderKey, tc.want), e.OrderKey)
			require.True(t, e.IsBulk())
			require.Equal(t, event.BulkOf("demo"), e.Lane())
			require.Equal(t, "demo", event.BotOf(e.Lane()))
			require.False(t, event.ValidBot(e.Lane()), "no bot has the name of a lane")
		})
	}
}
