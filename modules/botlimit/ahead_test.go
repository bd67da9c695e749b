package botlimit

import (
	"net/http"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/testsvc"
	"github.com/botgate/botgate/modules/internal/ahead"
)

// fakeAsker is a handler behind the limiter that counts what it is asked.
type fakeAsker struct {
	t               *testing.T
	asked, answered int
	call            *redisclient.Call
}

func (a *fakeAsker) Ask(r *http.Request) *redisclient.Call {
	a.asked++
	a.call = redisclient.NewCall(time.Minute, redis.NewStatusCmd(r.Context(), "ping"))
	return a.call
}

func (a *fakeAsker) Forgo(r *http.Request) {
	if a.call != nil {
		require.NoError(a.t, a.call.Wait(r.Context()))
		a.call = nil
		a.answered++
	}
}

// TestWhatFollowsIsAskedInTheSameRoundTrip finds it asked when Redis is, and not for what is known to be refused.
func TestWhatFollowsIsAskedInTheSameRoundTrip(t *testing.T) {
	t.Parallel()
	h := serving(t, testsvc.Redis(t), Handler{Zones: []Zone{zone(1, "")}})
	asker := &fakeAsker{t: t}
	h.next = func() ahead.Asker { return asker }
	for i, want := range []int{http.StatusAccepted, http.StatusTooManyRequests, http.StatusTooManyRequests} {
		require.Equal(t, want, send(t, h, somebody).Code, i)
		require.Equal(t, min(i+1, 2), asker.asked, "the deny cache refuses without a round trip")
		require.Equal(t, asker.asked, asker.answered)
	}
	local := serving(t, "", Handler{Zones: []Zone{zone(1, "")}})
	local.next = h.next
	require.Equal(t, http.StatusAccepted, send(t, local, somebody).Code)
	require.Equal(t, 2, asker.asked, "nobody goes to Redis")
}
