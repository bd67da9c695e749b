package rabbitmq

import (
	"fmt"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

var names = newTopology("p", false)

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
		Headers: m.Headers, ContentType: m.ContentType, CorrelationId: m.CorrelationId, MessageId: m.MessageId,
		Timestamp: m.Timestamp.Truncate(time.Second), Type: m.Type, AppId: m.AppId, Body: m.Body,
	}
}

// Every event comes out as it went in, also when it was moved to another queue, whose name is then all
// that the routing key says.
func TestMessageRoundTrip(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("y", 400)
	for name, change := range map[string]func(e *event.Event){
		"usual":          func(*event.Event) {},
		"long":           func(e *event.Event) { e.ContentType, e.Subject, e.Type = "text/plain; x="+long, long, long },
		"nobody":         func(e *event.Event) { e.Subject, e.OrderKey = "", "" },
		"nobody in chat": func(e *event.Event) { e.Subject, e.OrderKey = "", "chat" },
		"in chat":        func(e *event.Event) { e.OrderKey = "chat" },
		"of a platform":  func(e *event.Event) { e.Type, e.VerifiedBy = "slack.message", "slack" },
		"unverified":     func(e *event.Event) { e.VerifiedBy = "" },
		"told":           func(e *event.Event) { e.Type = "botgate.event.dead" },
		"traced":         func(e *event.Event) { e.TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
		"asked for":      func(e *event.Event) { e.RequestID = "4UUZX2TQ7C3JHN5OWMIB6RKYAE" },
		"deferred":       func(e *event.Event) { e.NotBefore = e.Time.Add(time.Minute) },
		"elsewhere":      func(e *event.Event) { e.DataRef, e.Data = "sha256:0?size=1", nil },
		"even":           func(e *event.Event) { e.Time = e.Time.Truncate(time.Second) },
		"bare":           func(e *event.Event) { *e = event.Event{ID: e.ID, Bot: e.Bot, Type: e.Type, Time: e.Time} },
	} {
		e := testEvent()
		change(e)
		e.Normalize()
		m := newMessage(names, e)
		require.Equal(t, amqp.Persistent, m.DeliveryMode)
		require.NoError(t, m.Headers.Validate())
		for _, property := range []string{m.ContentType, m.CorrelationId, m.MessageId, m.Type, m.AppId} {
			require.LessOrEqual(t, len(property), maxShortString)
		}
		got, err := parseEvent(delivered(m))
		require.NoError(t, err, name)
		require.Equal(t, e, got, name)
		got, err = parseEvent(delivered(forward(delivered(m), "elsewhere")))
		require.NoError(t, err, name)
		require.Equal(t, e, got, name)
	}
}

// An event that claims to be a change stays what it is, though its type alone would say otherwise.
func TestClaimedChangeIsNone(t *testing.T) {
	t.Parallel()
	e := testEvent()
	e.Type = event.ChangeType(event.StatusDelivered)
	got, err := parseEvent(delivered(newMessage(names, e)))
	require.NoError(t, err)
	require.False(t, got.IsChange())
	require.Equal(t, "p.events", newMessage(names, e).exchange)
}

// What is sent with an event beside its body is what readers of the queue find in the documentation,
// and no attribute twice.
func TestMessageIsShort(t *testing.T) {
	t.Parallel()
	m := newMessage(names, testEvent())
	require.Len(t, m.Headers, 1)
	require.Contains(t, m.Headers, headerMicroseconds)
	require.Equal(t, []string{"id-1", "bot", "command", "user"}, []string{m.MessageId, m.AppId, m.Type, m.CorrelationId})
}

func TestAddress(t *testing.T) {
	t.Parallel()
	e := testEvent()
	require.Equal(t, destination{"p.events", "bot.0"}, names.address(e))
	busy := newTopology("p", false)
	busy.learn(queue.Bots{"bot": 64})
	require.Equal(t, fmt.Sprintf("bot.%d", e.Bucket(64)), busy.address(e).key)
	change, err := event.NewChange(e, event.Change{Status: event.StatusDelivered, Attempt: 1, At: time.Now()})
	require.NoError(t, err)
	require.Equal(t, destination{"p.changes", "bot"}, names.address(change))
}

func TestMalformedMessages(t *testing.T) {
	t.Parallel()
	for name, breakIt := range map[string]func(*amqp.Delivery){
		"no headers": func(d *amqp.Delivery) { d.Headers = nil },
		"no time":    func(d *amqp.Delivery) { d.Timestamp = time.Time{} },
		"bad time":   func(d *amqp.Delivery) { d.Headers[headerNotBefore] = "soon" },
		"no id":      func(d *amqp.Delivery) { d.MessageId = "" },
		"no type":    func(d *amqp.Delivery) { d.Type = "" },
		"bad bot":    func(d *amqp.Delivery) { d.AppId = "a.b" },
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
	f.Add("slack.message", "2026-01-02T03:04:05Z", int64(3), "dispatch", []byte("x"))
	f.Add("", `{"group":"dispatch","attempts":3}`, int64(-1), "dispatch", []byte("x"))
	f.Fuzz(func(t *testing.T, text, at string, count int64, bot string, body []byte) {
		d := &amqp.Delivery{
			MessageId: "id", AppId: bot, Type: "t", Timestamp: time.Unix(count, 0), Body: body, Headers: amqp.Table{
				headerMicroseconds: count, headerNotBefore: at, headerOrderKey: text, headerVerifiedBy: text, headerSubject: text,
				headerDead: at, headerReplays: count,
			},
		}
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
