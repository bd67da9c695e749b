package event_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
)

func valid() *event.Event {
	return &event.Event{
		ID: "01", Bot: "demo", Type: "github.push", Subject: "7", OrderKey: "repo",
		Time: time.Date(2026, 11, 20, 10, 0, 0, 123456789, time.FixedZone("", 3600)), VerifiedBy: "github",
		TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		ContentType: "application/json", Data: []byte(`{"a": 1}`),
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, valid().Validate())
	for name, breakIt := range map[string]func(*event.Event){
		"no id":        func(e *event.Event) { e.ID = "" },
		"long id":      func(e *event.Event) { e.ID = strings.Repeat("x", 65) },
		"no bot":       func(e *event.Event) { e.Bot = "" },
		"dot in bot":   func(e *event.Event) { e.Bot = "a.b" },
		"slash in bot": func(e *event.Event) { e.Bot = "a/b" },
		"no type":      func(e *event.Event) { e.Type = "" },
		"no time":      func(e *event.Event) { e.Time = time.Time{} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := valid()
			breakIt(e)
			require.Error(t, e.Validate())
		})
	}
}

func TestNormalize(t *testing.T) {
	t.Parallel()
	e := valid()
	e.Subject = "a\x00b\nc\xff" + strings.Repeat("é", event.MaxAttribute)
	e.OrderKey = ""
	e.Normalize()
	require.True(t, strings.HasPrefix(e.Subject, "abcé"))
	require.LessOrEqual(t, len(e.Subject), event.MaxAttribute)
	require.Equal(t, e.Subject, e.OrderKey, "without an order key the user's events are in order")
	require.Equal(t, time.UTC, e.Time.Location())
	require.Zero(t, e.Time.Nanosecond()%1000)

	e.Subject, e.OrderKey = "", ""
	e.Normalize()
	require.Equal(t, e.ID, e.OrderKey, "an event of nobody waits for no other")
}

func TestAttributesRoundTrip(t *testing.T) {
	t.Parallel()
	e := valid()
	e.Normalize()
	attributes := maps.Collect(e.Attributes())
	require.Equal(t, "/bots/demo", attributes["source"])
	require.Equal(t, "1.0", attributes["specversion"])
	back, err := event.FromAttributes(func(name string) string { return attributes[name] }, e.ContentType, e.Data)
	require.NoError(t, err)
	require.Equal(t, e, back)
}

func TestFromAttributesRefuses(t *testing.T) {
	t.Parallel()
	for _, missing := range []string{"specversion", "id", "source", "type", "time"} {
		t.Run(missing, func(t *testing.T) {
			t.Parallel()
			attributes := maps.Collect(valid().Attributes())
			delete(attributes, missing)
			_, err := event.FromAttributes(func(name string) string { return attributes[name] }, "", nil)
			require.Error(t, err)
		})
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	one := event.Identity{Bot: "demo", Sender: event.PlatformSender("github", "a"), Key: "delivery-1"}
	require.Equal(t, "c332b879-7a5a-80dd-beed-efec5a9753e0", one.ID(""), "ids outlive versions: this one must never change")
	others := []event.Identity{
		one,
		{Bot: "demo2", Sender: one.Sender, Key: one.Key},
		{Bot: one.Bot, Sender: event.PlatformSender("github", "b"), Key: one.Key},
		{Bot: one.Bot, Sender: event.PlatformSender("githuba", ""), Key: one.Key},
		{Bot: one.Bot, Sender: event.ClientSender("github", "a"), Key: one.Key},
		{Bot: one.Bot, Sender: one.Sender, Key: "delivery-2"},
		{Bot: "demop", Sender: one.Sender[1:], Key: one.Key},
		{Bot: one.Bot, Sender: one.Sender + "d", Key: one.Key[1:]},
		{Bot: one.Bot, Sender: one.Sender, Key: one.Key, Content: []byte{}},
		{Bot: one.Bot, Sender: one.Sender, Key: one.Key, Content: []byte("x")},
	}
	ids := map[string]bool{}
	for _, other := range others {
		ids[other.ID("")] = true
	}
	require.Len(t, ids, len(others))
	require.NotEqual(t, event.ContentOf("a", "bc", nil), event.ContentOf("ab", "c", nil))
	require.NotEqual(t, event.ContentOf("a", "b", nil), event.ContentOf("a", "b", []byte("c")))
}

func TestNewIDIsUnique(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		id, err := event.NewID("")
		require.NoError(t, err)
		require.Len(t, id, 36)
		require.False(t, seen[id])
		seen[id] = true
	}
}

func TestBucket(t *testing.T) {
	t.Parallel()
	bucketOf := func(orderKey string) int { return (&event.Event{Bot: "demo", OrderKey: orderKey}).Bucket(16) }
	require.Equal(t, 6, bucketOf("chat-1"), "buckets are part of the topology: this must never change")
	used := map[int]bool{}
	for i := range 1000 {
		n := bucketOf(strings.Repeat("k", i))
		require.GreaterOrEqual(t, n, 0)
		require.Less(t, n, 16)
		used[n] = true
	}
	require.Len(t, used, 16)
}

func TestChangeRoundTrip(t *testing.T) {
	t.Parallel()
	next := time.Date(2026, 11, 20, 10, 0, 5, 0, time.UTC)
	about := valid()
	require.False(t, about.IsChange())
	change := event.Change{
		Status: event.StatusFailed, Attempt: 2, At: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC),
		DurationMS: 12, StatusCode: 503, Error: "the bot answered 503", NextAttempt: &next,
	}
	e, err := event.NewChange(about, change)
	require.NoError(t, err)
	require.NoError(t, e.Validate())
	require.True(t, e.IsChange())
	require.Equal(t, "botgate.event.failed", e.Type)
	require.NotEqual(t, about.ID, e.ID)
	got, err := event.ParseChange(e)
	require.NoError(t, err)
	change.EventID, change.EventTime, change.EventType = about.ID, about.Time.UTC().Truncate(time.Microsecond), about.Type
	require.Equal(t, change, got)
}

// TestChangeToldTwice derives one id, so that it counts once, unless it is another change.
func TestChangeToldTwice(t *testing.T) {
	t.Parallel()
	about, at := valid(), time.Now()
	idOf := func(c event.Change) string {
		e, err := event.NewChange(about, c)
		require.NoError(t, err)
		return e.ID
	}
	first := event.Change{Status: event.StatusDelivered, Attempt: 2, Replays: 1, At: at}
	again := event.Change{Status: event.StatusDelivered, Attempt: 2, Replays: 1, At: at.Add(time.Second), StatusCode: 200}
	require.Equal(t, idOf(first), idOf(again), "another process delivered it, too")
	failed := event.Change{Status: event.StatusFailed, Attempt: 1, At: at}
	published := failed
	published.StatusCode = 503
	require.Equal(t, idOf(failed), idOf(published))
	ids := map[string]bool{idOf(first): true, idOf(failed): true}
	for _, other := range []event.Change{
		{Status: event.StatusDead, Attempt: 2, Replays: 1, At: at},
		{Status: event.StatusDelivered, Attempt: 2, At: at},
		{Status: event.StatusFailed, Attempt: 2, At: at},
		{Status: event.StatusFailed, Attempt: 1, Replays: 1, At: at},
		{Status: event.StatusFailed, Attempt: 1, At: at.Add(time.Second)},
	} {
		require.NotContains(t, ids, idOf(other))
		ids[idOf(other)] = true
	}
}

func TestParseChangeRefuses(t *testing.T) {
	t.Parallel()
	for _, body := range []string{``, `{`, `{"event_id":"1","status":"accepted"}`, `{"event_id":"1","status":"lost"}`, `{"status":"dead"}`} {
		_, err := event.ParseChange(&event.Event{Data: []byte(body)})
		require.Error(t, err, body)
	}
}

func TestAcceptedEventIsNoChange(t *testing.T) {
	t.Parallel()
	e := valid()
	e.Type = "botgate.event.delivered"
	require.False(t, e.IsChange(), "a sender must not be able to write an event's history")
}

func FuzzNormalize(f *testing.F) {
	f.Add("demo-user", "chat\x00", "application/json")
	f.Fuzz(func(t *testing.T, subject, orderKey, contentType string) {
		e := valid()
		e.Subject, e.OrderKey, e.ContentType = subject, orderKey, contentType
		e.Normalize()
		require.NoError(t, e.Validate())
		before := *e
		e.Normalize()
		require.Equal(t, before, *e, "normalizing twice changes nothing")
		for _, s := range []string{e.Subject, e.OrderKey, e.ContentType} {
			require.LessOrEqual(t, len(s), event.MaxAttribute)
			require.NotContains(t, s, "\x00")
		}
	})
}
