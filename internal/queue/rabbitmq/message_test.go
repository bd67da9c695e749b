package rabbitmq

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

var names = topology{prefix: "p", bots: new(sync.Map)}

func testEvent() *event.Event {
	e := &event.Event{
		ID: "id-1", Bot: "bot", Type: "command", Subject: "user", Time: time.Now(),
		VerifiedBy: "jwt", ContentType: "application/json", Data: []byte(`{"a":1}`),
	}
	e.Normalize()
	return e
}

func delivered(m message) *amqp.Delivery {
	return &amqp.Delivery{
		Headers: m.Headers, ContentType: m.ContentType, MessageId: m.MessageId,
		Timestamp: m.Timestamp, Body: m.Body,
	}
}

func TestMessageRoundTrip(t *testing.T) {
	t.Parallel()
	e := testEvent()
	e.ContentType = "text/plain; x=" + strings.Repeat("y", 400)
	m := newMessage(names, e)
	require.LessOrEqual(t, len(m.ContentType), maxShortString)
	require.Equal(t, amqp.Persistent, m.DeliveryMode)
	got, err := parseEvent(delivered(m))
	require.NoError(t, err)
	require.Equal(t, e, got)
}

func TestRoutingKey(t *testing.T) {
	t.Parallel()
	e := testEvent()
	require.Equal(t, "bot.0", names.routingKey(e))
	busy := topology{prefix: "p", bots: new(sync.Map)}
	busy.bots.Store("bot", 64)
	require.Equal(t, fmt.Sprintf("bot.%d", e.Bucket(64)), busy.routingKey(e))
	change, err := event.NewChange(e, event.Change{Status: event.StatusDelivered, Attempt: 1, At: time.Now()})
	require.NoError(t, err)
	require.Equal(t, "bot", names.routingKey(change))
}

func TestMalformedMessages(t *testing.T) {
	t.Parallel()
	for name, breakIt := range map[string]func(*amqp.Delivery){
		"no headers":   func(d *amqp.Delivery) { d.Headers = nil },
		"another type": func(d *amqp.Delivery) { d.Headers["cloudEvents:time"] = int32(7) },
		"two ids":      func(d *amqp.Delivery) { d.MessageId = "id-2" },
		"bad bot":      func(d *amqp.Delivery) { d.Headers["cloudEvents:source"] = "/bots/a.b" },
	} {
		d := delivered(newMessage(names, testEvent()))
		breakIt(d)
		_, err := parseEvent(d)
		require.Error(t, err, name)
		require.Equal(t, d.Body, salvage(d).Data)
	}
}

func TestDeadInfoRoundTrip(t *testing.T) {
	t.Parallel()
	d := delivered(newMessage(names, testEvent()))
	d.Headers["x-delivery-count"] = int64(4)
	want := queue.DeadInfo{
		Group: queue.Dispatch, Reason: strings.Repeat("ü", maxReason), Attempts: 5, At: time.Now().UTC(),
	}
	dead := newDeadLetter(names, d, want)
	require.Equal(t, "p.dead", dead.key)
	require.NoError(t, dead.Headers.Validate())
	require.NotContains(t, dead.Headers, "x-delivery-count", "it is the broker's")
	got := deadInfo(delivered(dead))
	require.Equal(t, strings.Repeat("ü", maxReason/2), got.Reason)
	got.Reason = want.Reason
	require.Equal(t, &want, got)
	_, err := parseEvent(delivered(dead))
	require.NoError(t, err)
}

func TestDeadInfoByHand(t *testing.T) {
	t.Parallel()
	d := delivered(newMessage(names, testEvent()))
	require.Equal(t, &queue.DeadInfo{Reason: "moved here by hand", At: d.Timestamp}, deadInfo(d))
}

func FuzzHeaders(f *testing.F) {
	f.Add("1.0", "2026-01-02T03:04:05Z", int64(3), "dispatch", []byte("x"))
	f.Add("1.0", `{"group":"dispatch","attempts":3}`, int64(-1), "dispatch", []byte("x"))
	f.Fuzz(func(t *testing.T, version, at string, count int64, group string, body []byte) {
		d := &amqp.Delivery{MessageId: "id", Body: body, Headers: amqp.Table{
			"cloudEvents:specversion": version, "cloudEvents:time": at, "cloudEvents:id": "id",
			"cloudEvents:source": "/bots/" + group, "cloudEvents:type": "t",
			headerDead: at, headerReplays: count,
		}}
		if e, err := parseEvent(d); err == nil {
			require.NoError(t, e.Validate())
			require.Equal(t, body, e.Data)
		}
		require.GreaterOrEqual(t, headerInt(d.Headers, headerReplays), 0)
		require.NotNil(t, deadInfo(d))
	})
}

func BenchmarkMessage(b *testing.B) {
	e := testEvent()
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			newMessage(names, e)
		}
	})
	d := delivered(newMessage(names, e))
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := parseEvent(d); err != nil {
				b.Fatal(err)
			}
		}
	})
}
