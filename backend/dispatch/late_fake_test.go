package dispatch

import (
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/testlog"
)

// lateToken is the secret of the interaction in these tests.
const lateToken = "s3cret-token"

// interaction is an event of Discord whose request was answered already.
func interaction(id string) *event.Event {
	e := newEvent(id)
	e.Type, e.VerifiedBy = "discord.command", "discord"
	e.Data = []byte(`{"type":2,"application_id":"12","token":"` + lateToken + `"}`)
	e.ReplyBy = time.Now().Add(-time.Second).UTC()
	return e
}

// posted is a request that the platform got.
type posted struct{ method, path, contentType, agent, body string }

// latePlatform answers late answers with the statuses in turn, the last one again and again. 0 closes the connection.
type latePlatform struct {
	statuses []int
	header   http.Header

	mu  sync.Mutex
	got []posted
}

func (p *latePlatform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	status := p.statuses[min(len(p.got), len(p.statuses)-1)]
	p.got = append(p.got, posted{r.Method, r.URL.EscapedPath(), r.Header.Get("Content-Type"), r.UserAgent(), string(body)})
	p.mu.Unlock()
	if status == 0 {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), p.header)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, strings.Repeat("x", 2*maxAnswer))
}

func (p *latePlatform) requests() []posted {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]posted(nil), p.got...)
}

// startLate runs a dispatcher whose bot answers Discord, with the platform in Discord's place. It returns what it logs.
func startLate(t *testing.T, q *fakeQueue, p http.Handler, change ...func(*Config, *bots.Bot)) *testlog.Buffer {
	t.Helper()
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	logged := &testlog.Buffer{}
	address := bot(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"type":4,"data":{"content":"hi"}}`)
	})
	start(t, q, address, append(change, forPlatforms, func(c *Config, _ *bots.Bot) {
		c.AnswersURL = server.URL
		c.Logger = slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})...)
	return logged
}
