package botenqueue

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/desk"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/modules/internal/delivery"
)

// interaction is one of a platform that waits for 2 s by default.
func interaction() *delivery.Delivery {
	return &delivery.Delivery{Platform: "discord", Delivery: platform.Delivery{
		Events: []platform.Event{{Type: "discord.command", User: "u", OrderKey: "c", Key: named("k")}},
		Reply: &platform.Reply{
			Status: http.StatusOK, ContentType: "application/json", Body: []byte(`{"type":5}`), Replaceable: true, Wait: 2 * time.Second,
		},
	}}
}

// answering has the bot answer after a time; nil says that it does not.
func answering(f *fakeApp, after time.Duration, answer *event.Answer) (taken chan bool) {
	taken = make(chan bool, 1)
	f.onPublish = func(e *event.Event) {
		time.AfterFunc(after, func() { taken <- f.desk.Offer(e.ID, answer, time.Now()) })
	}
	return taken
}

func TestPlatformGetsTheBotsAnswerInTime(t *testing.T) {
	t.Parallel()
	answer := &event.Answer{ContentType: "application/json; charset=utf-8", Body: []byte(`{"type":4}`)}
	for name, tc := range map[string]struct {
		after   time.Duration
		answer  *event.Answer
		change  func(*Handler, *delivery.Delivery, *fakeApp)
		want    string
		took    time.Duration
		content string
	}{
		"in time":     {time.Second, answer, nil, `{"type":4}`, time.Second, "application/json; charset=utf-8"},
		"late":        {3 * time.Second, answer, nil, `{"type":5}`, 2 * time.Second, "application/json"},
		"at the end":  {2 * time.Second, answer, nil, `{"type":5}`, 2 * time.Second, "application/json"},
		"no answer":   {time.Second, nil, nil, `{"type":5}`, time.Second, "application/json"},
		"without one": {time.Second, &event.Answer{Body: []byte("x")}, nil, `x`, time.Second, "application/json"},
		"longer": {3 * time.Second, answer, func(h *Handler, _ *delivery.Delivery, _ *fakeApp) {
			h.Wait = new(caddy.Duration(5 * time.Second))
		}, `{"type":4}`, 3 * time.Second, "application/json; charset=utf-8"},
		"off": {time.Second, answer, func(h *Handler, _ *delivery.Delivery, _ *fakeApp) {
			h.Wait = new(caddy.Duration)
		}, `{"type":5}`, 0, "application/json"},
		"other bot": {time.Second, answer, func(_ *Handler, _ *delivery.Delivery, f *fakeApp) {
			f.answers = "other"
		}, `{"type":5}`, 0, "application/json"},
		"no use": {time.Second, answer, func(h *Handler, d *delivery.Delivery, _ *fakeApp) {
			h.Wait, d.Reply.Replaceable = new(caddy.Duration(5*time.Second)), false
		}, `{"type":5}`, 0, "application/json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := &fakeApp{answers: "demo"}
				h, d := newHandler(f), interaction()
				if tc.change != nil {
					tc.change(h, d, f)
				}
				taken := answering(f, tc.after, tc.answer)
				began := time.Now()
				w := deliver(t, h, d, `{}`)
				require.Equal(t, http.StatusOK, w.Code)
				require.Equal(t, tc.want, w.Body.String())
				require.Equal(t, tc.content, w.Header().Get("Content-Type"))
				require.Equal(t, tc.took, time.Since(began))
				require.Equal(t, tc.answer != nil && tc.want == string(tc.answer.Body), <-taken, "both sides know what the user sees")
				require.Zero(t, f.desk.Waiting())
				waited := tc.took > 0
				require.Equal(t, waited, !f.published[0].ReplyBy.IsZero())
				if waited {
					require.Equal(t, "c:u", f.published[0].OrderKey)
				} else {
					require.Equal(t, "c", f.published[0].OrderKey)
				}
			})
		})
	}
}

func TestReplyByIsBeforeTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeApp{answers: "demo"}
		h := newHandler(f)
		h.Order = orderChannel
		began := time.Now()
		deliver(t, h, interaction(), `{}`)
		require.WithinDuration(t, began.Add(1900*time.Millisecond), f.published[0].ReplyBy, time.Millisecond)
		require.Equal(t, "c", f.published[0].OrderKey)
	})
}

func TestNobodyWaitsForWhatIsNotPublished(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeApp{answers: "demo"}
		h := newHandler(f)
		f.err = queue.ErrUnavailable
		require.Equal(t, http.StatusServiceUnavailable, deliver(t, h, interaction(), `{}`).Code)
		require.Zero(t, f.desk.Waiting())
	})
}

func TestPlatformThatLeftWaitsNoMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeApp{answers: "demo"}
		ctx, leave := context.WithCancel(t.Context())
		w := httptest.NewRecorder()
		r := caddyhttp.PrepareRequest(command(`{}`).WithContext(ctx), caddy.NewReplacer(), w, nil)
		delivery.Set(r, interaction())
		time.AfterFunc(time.Second, leave)
		began := time.Now()
		require.NoError(t, newHandler(f).ServeHTTP(w, r, nil))
		require.Equal(t, time.Second, time.Since(began))
		require.False(t, f.desk.Offer(f.published[0].ID, &event.Answer{Body: []byte("x")}, time.Now()))
	})
}

func TestTooManyWaitsAreAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeApp{answers: "demo"}
		for n := range desk.MaxOfBot {
			require.NotNil(t, f.desk.Wait("demo", string(rune('a'+n)), time.Now().Add(time.Hour)))
		}
		began := time.Now()
		w := deliver(t, newHandler(f), interaction(), `{}`)
		require.Equal(t, `{"type":5}`, w.Body.String())
		require.Zero(t, time.Since(began))
		require.True(t, f.published[0].ReplyBy.IsZero())
	})
}

func TestWaitOptions(t *testing.T) {
	for config, complaint := range map[string]string{
		`{"bot":"demo","wait":100000000}`:   "option wait",
		`{"bot":"demo","wait":31000000000}`: "option wait",
		`{"bot":"demo","wait":-1}`:          "option wait",
		`{"bot":"demo","order":"thread"}`:   `option order: "thread" is neither user nor channel`,
	} {
		_, _, err := load(t, config)
		require.ErrorContains(t, err, complaint, config)
	}
	h, _, err := load(t, `{"bot":"demo","wait":0,"order":"channel"}`)
	require.NoError(t, err)
	require.Zero(t, *h.Wait)
}
