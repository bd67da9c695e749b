package listen_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testlog"
	"github.com/botgate/botgate/modules/internal/listen"
)

const secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

// gateway is a fake one.
type gateway struct {
	t *testing.T
	// events are given to the first receive.
	events  []string
	settled chan map[string]any
	// status is what receives are answered with instead of 200, until it was said so often.
	status, times int

	mu    sync.Mutex
	given bool
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer token" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	switch r.URL.Path {
	case "/v1/bots/demo/receive":
		switch {
		case g.times > 0:
			g.times--
			w.WriteHeader(g.status)
			_, _ = io.WriteString(w, `{"title":"No.","detail":"Because."}`)
		case g.given:
			select { // As long as nothing comes.
			case <-time.After(50 * time.Millisecond):
			case <-r.Context().Done():
			}
			_, _ = io.WriteString(w, `{"events":[],"settled":[]}`)
		default:
			g.given = true
			_, _ = fmt.Fprintf(w, `{"events":[%s],"settled":[]}`, strings.Join(g.events, ","))
		}
	case "/v1/bots/demo/settle":
		var body struct{ Settle []map[string]any }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			g.t.Error(err)
		}
		g.settled <- body.Settle[0]
	case "/v1/events/stream":
		_, _ = io.WriteString(w, "retry: 2000\nid: x\n\nid: y\nevent: accepted\ndata: {\"id\":\"e-1\",\"type\":\"command\"}\n\n"+
			"id: z\nevent: accepted\ndata: {\"id\":\"e-2\",\"type\":\"github.push\"}\n\n")
	case "/v1/events/e-1":
		_, _ = io.WriteString(w, `{"id":"e-1","bot":"demo","type":"command","subject":"alice","time":"2026-01-01T00:00:00Z","order_key":"k",`+
			`"content_type":"application/json","status":"accepted","data":{ "a": "<b>"}}`)
	default:
		g.t.Errorf("asked for %s", r.URL.Path)
	}
}

// give has the next receive get an event.
func (g *gateway) give(e string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.events, g.given = []string{e}, false
}

func eventOf(id string) string {
	return fmt.Sprintf(`{"receipt":"r-%s","attempt":2,"replay":3,"lease_until":"2030-01-01T00:00:00Z","event":{"specversion":"1.0","id":%[1]q,`+
		`"source":"/bots/demo","type":"command","subject":"alice","time":"2026-01-01T00:00:00Z","bot":"demo","orderkey":"k",`+
		`"datacontenttype":"application/json","data":{ "a": "<b>"}}}`, id)
}

// run listens until the test ends, or returns an error, with what it printed.
func run(t *testing.T, g *gateway, forward http.HandlerFunc, change ...func(*listen.Config)) (out *testlog.Buffer, ended <-chan error) {
	t.Helper()
	g.t, g.settled = t, make(chan map[string]any, 10)
	gate, bot := httptest.NewServer(g), httptest.NewServer(forward)
	out = new(testlog.Buffer)
	cfg := listen.Config{
		URL: gate.URL, Bot: "demo", Forward: bot.URL, Secret: secret, Out: out, Token: func() (string, error) { return "token", nil },
	}
	for _, f := range change {
		f(&cfg)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		done <- listen.Run(ctx, cfg)
	}()
	t.Cleanup(func() {
		cancel()
		<-stopped
		gate.Close()
		bot.Close()
	})
	return out, done
}

// TestForward: an event arrives as from a dispatch process, and the status settles it.
func TestForward(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]map[string]any{
		200: {"receipt": "r-e", "outcome": "ack"}, 503: {"receipt": "r-e", "outcome": "retry", "after": "7s"},
		404: {"receipt": "r-e", "outcome": "retry", "after": "7s"}, 410: {"receipt": "r-e", "outcome": "dead"},
		422: {"receipt": "r-e", "outcome": "dead"}, 302: {"receipt": "r-e", "outcome": "retry", "after": "7s"},
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			g := &gateway{events: []string{eventOf("e")}}
			out, _ := run(t, g, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if got := string(body); got != `{ "a": "<b>"}` || r.Header.Get("Ce-Type") != "command" || r.Header.Get("Ce-Subject") != "alice" ||
					r.Header.Get("Webhook-Id") != "e.r3" || !strings.HasPrefix(r.Header.Get("Webhook-Signature"), "v1,") ||
					r.Header.Get("Botgate-Replay") != "3" || r.Header.Get("Content-Type") != "application/json" {
					t.Errorf("%s %v", got, r.Header)
				}
				w.Header().Set("Retry-After", "7")
				w.Header().Set("Content-Type", "text/plain")
				w.WriteHeader(status)
				_, _ = io.WriteString(w, "yes")
			})
			want["answer"] = map[string]any{"content_type": "text/plain", "body_base64": "eWVz"}
			require.Equal(t, want, <-g.settled)
			require.Contains(t, out.String(), fmt.Sprintf("command e k, attempt 2: %d in ", status))
		})
	}
}

// TestAgain hands the last event over as often as somebody wants, and settles it once.
func TestAgain(t *testing.T) {
	t.Parallel()
	again, got := make(chan struct{}), make(chan string, 10)
	g := &gateway{}
	out, _ := run(t, g, func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header.Get("Webhook-Id")
	}, func(c *listen.Config) { c.Again = again })
	again <- struct{}{}
	again <- struct{}{} // The first one is over.
	require.Contains(t, out.String(), "there is no event yet")

	g.give(eventOf("e"))
	require.Equal(t, "ack", (<-g.settled)["outcome"])
	again <- struct{}{}
	again <- struct{}{}
	for range 3 {
		require.Equal(t, "e.r3", <-got)
	}
	require.Empty(t, g.settled)
}

// TestReplyBy tells the server until when a platform waits for its answer.
func TestReplyBy(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	run(t, &gateway{events: []string{strings.Replace(eventOf("e"), `"replay":3`, `"reply_by":"2030-01-01T00:00:00.5Z"`, 1)}},
		func(_ http.ResponseWriter, r *http.Request) { got <- r.Header.Get("Botgate-Reply-By") })
	require.Equal(t, "2030-01-01T00:00:00.500Z", <-got)
}

func TestNobodyAtHome(t *testing.T) {
	t.Parallel()
	g := &gateway{events: []string{eventOf("e"), `{"receipt":"r-bad","attempt":1,"event":{}}`}}
	out, _ := run(t, g, nil, func(c *listen.Config) { c.Forward = "http://127.0.0.1:1" })
	got := []map[string]any{<-g.settled, <-g.settled}
	require.ElementsMatch(t, []map[string]any{{"receipt": "r-e", "outcome": "retry"}, {"receipt": "r-bad", "outcome": "dead"}}, got)
	require.Contains(t, out.String(), "the bot refused the connection")
}

func TestGatewayThatRefuses(t *testing.T) {
	t.Parallel()
	_, ended := run(t, &gateway{status: http.StatusConflict, times: 1}, nil)
	require.ErrorContains(t, <-ended, "409: No. Because.")

	g := &gateway{status: http.StatusServiceUnavailable, times: 1, events: []string{eventOf("e")}}
	out, _ := run(t, g, func(http.ResponseWriter, *http.Request) {})
	require.Equal(t, "ack", (<-g.settled)["outcome"])
	require.Contains(t, out.String(), "503: No. Because.; trying again")
}

// TestTap copies what is accepted, and settles nothing.
func TestTap(t *testing.T) {
	t.Parallel()
	got := make(chan string, 10)
	g := &gateway{}
	out, _ := run(t, g, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- r.Header.Get("Ce-Id") + " " + r.Header.Get("Ce-Orderkey") + " " + string(body)
		w.WriteHeader(http.StatusTeapot)
	}, func(c *listen.Config) { c.Tap, c.Types = true, []string{"comm*"} })
	require.Equal(t, `e-1 k { "a": "<b>"}`, <-got)
	require.Eventually(t, func() bool { return strings.Contains(out.String(), "the stream ended; trying again") }, time.Minute, time.Millisecond)
	require.Empty(t, g.settled)
}
