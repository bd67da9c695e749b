package event_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
)

func TestLateAnswer(t *testing.T) {
	t.Parallel()
	about := &event.Event{
		ID: "e", Bot: strings.Repeat("b", 64), Type: "slack.command", Subject: "alice", Time: time.Now().UTC().Truncate(time.Microsecond),
		OrderKey: "T:C:U", VerifiedBy: "slack", RequestID: "r", TraceParent: "p",
	}
	answer := event.LateAnswer{Attempt: 2, Platform: "slack", Method: "POST", Host: "h", Path: "/p", Body: []byte("{}"), Until: about.Time.Add(time.Hour)}
	late, err := event.NewLateAnswer(about, answer)
	require.NoError(t, err)
	require.NoError(t, late.Validate())
	require.True(t, late.IsLateAnswer())
	require.True(t, late.ForBot())
	require.False(t, about.IsLateAnswer())
	require.NotEqual(t, about.Bot, late.Bot)
	require.Equal(t, about.Bot, event.BotOf(late.Bot))
	again, err := event.NewLateAnswer(about, answer)
	require.NoError(t, err)
	require.Equal(t, late.ID, again.ID)

	of, got, err := event.ParseLateAnswer(late)
	require.NoError(t, err)
	require.Equal(t, &event.Event{
		ID: about.ID, Bot: about.Bot, Subject: about.Subject, Time: about.Time, OrderKey: about.OrderKey,
		TraceParent: about.TraceParent, RequestID: about.RequestID, Type: about.Type,
	}, of)
	answer.EventID, answer.EventType, answer.OrderKey = about.ID, about.Type, about.OrderKey
	require.Equal(t, answer, got)

	late.VerifiedBy = "slack"
	require.Error(t, late.Validate(), "no accepted event has such a bot")
	late.Data = nil
	_, _, err = event.ParseLateAnswer(late)
	require.Error(t, err)
}
