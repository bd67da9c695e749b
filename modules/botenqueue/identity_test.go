package botenqueue

import (
	"errors"
	"net/http"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/modules/internal/delivery"
)

// of is a delivery of an account, whose key is not signed.
func of(key string, signed []byte, accounts ...string) *delivery.Delivery {
	return &delivery.Delivery{
		Platform: "github", Accounts: accounts, Signed: [][]byte{signed},
		Delivery: platform.Delivery{Events: []platform.Event{{Type: "github.push", Key: platform.Key{Value: key}}}},
	}
}

func TestSendersDoNotShareKeys(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, f *fakeApp, h *Handler) {
		key, body := uuid.NewString(), `{"amount":1}`
		deliver(t, h, of(key, nil, "acme"), body)
		deliver(t, h, of(key, nil, "umbrella"), body)
		require.Len(t, f.published, 2)
		deliver(t, h, of(key, nil, "acme"), body)
		deliver(t, h, of(key, nil, "umbrella"), body)
		require.Len(t, f.published, 2, "each repeat is known")
		require.NotEqual(t, f.published[0].ID, f.published[1].ID)
	})
}

// TestSenderStaysTheSame goes through the steps of a rotation: the old secret, both, the new one.
func TestSenderStaysTheSame(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, f *fakeApp, h *Handler) {
		key := uuid.NewString()
		for _, accounts := range [][]string{{"old"}, {"old", "new"}, {"new", "old"}} {
			deliver(t, h, of(key+"1", nil, accounts...), `{}`)
		}
		require.Len(t, f.published, 1)
		deliver(t, h, of(key+"2", nil, "old", "new"), `{}`)
		deliver(t, h, of(key+"2", nil, "new"), `{}`)
		require.Len(t, f.published, 2)
	})
}

func TestAnotherBodyUnderAKeyIsAnotherEvent(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, f *fakeApp, h *Handler) {
		key := uuid.NewString()
		deliver(t, h, of(key, nil), `{"a":1}`)
		deliver(t, h, of(key, nil), `{"a":2}`)
		require.Len(t, f.published, 2)
		sure := of("", nil)
		sure.Events[0].Key = named(key)
		deliver(t, h, sure, `{"a":1}`)
		deliver(t, h, sure, `{"a":2}`)
		require.Len(t, f.published, 3, "but for keys that are promised to be unique, and signed")
	})
}

func TestSameSignedBytesAreNoSecondEvent(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, f *fakeApp, h *Handler) {
		signed, one := []byte(uuid.NewString()), uuid.NewString()
		first := deliver(t, h, of(one, signed, "acme"), `{}`)
		for _, key := range []string{one + "2", "", one} {
			again := deliver(t, h, of(key, signed, "acme"), `{}`)
			require.Equal(t, first.Code, again.Code)
			require.Equal(t, first.Body.String(), again.Body.String(), "the first event's id")
		}
		require.Len(t, f.published, 1)
		deliver(t, h, of(one, signed, "umbrella"), `{}`)
		require.Len(t, f.published, 2, "of another sender")
		deliver(t, h, of(one, []byte(uuid.NewString()), "acme"), `{"a":1}`)
		require.Len(t, f.published, 3, "other bytes")
		for range 2 {
			deliver(t, h, of("", nil, "acme"), `{}`)
		}
		require.Len(t, f.published, 5, "where nothing names a delivery")
	})
}

// TestRepeatsAreTold finds what the log is told of repeats: the first of them, with their times.
func TestRepeatsAreTold(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, f *fakeApp, h *Handler) {
		signed, one := []byte(uuid.NewString()), uuid.NewString()
		counter := repeatsTotal.WithLabelValues("github")
		before := testutil.ToFloat64(counter)
		deliver(t, h, of(one, signed), `{}`)
		for range event.MaxRepeats + 5 {
			deliver(t, h, of(uuid.NewString(), signed), `{}`)
		}
		require.GreaterOrEqual(t, testutil.ToFloat64(counter), before+event.MaxRepeats+5)
		require.Len(t, f.published, 1)
		require.Len(t, f.changes, event.MaxRepeats)
		for i, e := range f.changes {
			c, err := event.ParseChange(e)
			require.NoError(t, err)
			require.Equal(t, []any{f.published[0].ID, event.StatusRepeated, i + 1}, []any{c.EventID, c.Status, c.Repeat})
			require.Equal(t, f.published[0].Time, c.EventTime)
			require.False(t, c.At.Before(c.EventTime))
		}
		f.err = errors.New("away")
		require.Equal(t, http.StatusAccepted, deliver(t, h, of(one, signed), `{}`).Code, "the event itself is safe")
	})
}

// TestSameSignedBytesAtOnce finds one id where the first request is not confirmed yet.
func TestSameSignedBytesAtOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, f *fakeApp, h *Handler) {
		signed := []byte(uuid.NewString())
		var group sync.WaitGroup
		for range 16 {
			group.Go(func() { require.Equal(t, http.StatusAccepted, deliver(t, h, of(uuid.NewString(), signed), `{}`).Code) })
		}
		group.Wait()
		ids := map[string]bool{}
		for _, e := range f.published {
			ids[e.ID] = true
			require.Equal(t, e.ID, e.OrderKey, "nobody's event waits for no other")
		}
		require.Len(t, ids, 1)
	})
}
