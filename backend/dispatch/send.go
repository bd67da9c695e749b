package dispatch

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/outbound"
	"github.com/botgate/botgate/internal/queue"
)

const (
	// maxAnswer is how much of an answer's body is read, so that its connection can be
	// used again; longer answers cost the bot a new connection. At most [event.MaxAnswer] is kept.
	maxAnswer = 64 << 10
	// maxAnswerHeader bounds the answer's header.
	maxAnswerHeader = 64 << 10
	// maxRetrySeconds keeps what a bot asks for within a time.Duration.
	maxRetrySeconds = 1 << 31
)

// answer is what came back from a bot: a status, or an error when there was no answer.
type answer struct {
	status     int
	retryAfter time.Duration
	kept       *event.Answer // What the bot's settings keep of it, if there is something.
	said       *event.Answer // What it said with 2xx, where somebody waits for that.
	err        error
}

// newTransport returns a transport that keeps a connection for each attempt that can run at once, and uses no
// proxy: HTTP_PROXY and its like are not looked at. There is no [http.Client] around it, which
// would copy the headers of each request to follow redirects: those are not followed, since they would carry
// the event to an address that nobody configured.
func newTransport(concurrency int, allow outbound.Allow) *http.Transport {
	transport := &http.Transport{
		TLSHandshakeTimeout:    outbound.DialTimeout,
		MaxIdleConns:           2 * concurrency,
		MaxIdleConnsPerHost:    concurrency,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxAnswerHeader,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
	}
	outbound.Guard(transport, allow)
	return transport
}

// clients are two, for a connection that one bot may have is not to be used for another that may not.
type clients struct{ public, private http.RoundTripper }

func newClients(concurrency int) clients {
	return clients{newTransport(concurrency, outbound.PublicOnly), newTransport(concurrency, outbound.Anywhere)}
}

func (c clients) of(bot bots.Bot) http.RoundTripper {
	if bot.AllowPrivate {
		return c.private
	}
	return c.public
}

func (c clients) closeIdle() {
	for _, client := range []http.RoundTripper{c.public, c.private} {
		if t, ok := client.(*http.Transport); ok {
			t.CloseIdleConnections()
		}
	}
}

// send makes one attempt.
func (d *Dispatcher) send(ctx context.Context, t *target, delivery *queue.Delivery, now time.Time) answer {
	ctx, post := t.startPost(ctx, delivery.Attempt)
	defer post.End()
	ans := t.post(ctx, d.clients.of(t.bot), delivery.Event, delivery.Replays, now)
	endPost(post, ans)
	if ans.err != nil {
		d.log.DebugContext(ctx, "bot did not answer", delivery.Event.LogAttr(), slog.Any("error", ans.err))
	}
	return ans
}

// post sends an event to the bot, bounded by its timeout.
func (t *target) post(ctx context.Context, client http.RoundTripper, e *event.Event, replays int, now time.Time) answer {
	ctx, cancel := context.WithTimeout(ctx, t.bot.Timeout)
	defer cancel()
	resp, err := client.RoundTrip(t.request(ctx, e, replays, now))
	if err != nil {
		return answer{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	ans := answer{status: resp.StatusCode, retryAfter: retryAfter(resp.Header.Get("Retry-After"), now)}
	// The status has decided; what the body says, or that it breaks off, changes nothing. The timeout
	// bounds its reading, too.
	taken := verdictOf(ans) == delivered
	keeps, replies := t.keeps(taken), taken && t.replies(e, replays)
	if keeps || replies {
		answer := keep(resp, taken)
		if keeps {
			ans.kept = answer
		}
		if replies {
			ans.said = answer
		}
	}
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer)
	return ans
}

// request returns a request of an attempt. As net/http makes it again where the bot closes an idle
// connection meanwhile, its body can be had twice.
func (t *target) request(ctx context.Context, e *event.Event, replays int, now time.Time) *http.Request {
	r := t.blank.WithContext(ctx)
	r.Header = t.header(ctx, e, replays, now)
	r.ContentLength = int64(len(e.Data))
	r.GetBody = func() (io.ReadCloser, error) {
		if len(e.Data) == 0 {
			return http.NoBody, nil
		}
		return io.NopCloser(bytes.NewReader(e.Data)), nil
	}
	r.Body, _ = r.GetBody()
	return r
}

// keeps reports whether the bot's settings want an answer to be kept, which takes the event or does not.
func (t *target) keeps(taken bool) bool {
	return t.bot.KeepAnswers == bots.KeepAll || t.bot.KeepAnswers == bots.KeepFailed && !taken
}

// keep reads as much of an answer as is kept.
func keep(resp *http.Response, taken bool) *event.Answer {
	most := event.AnswerRoom(taken)
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(most)+1))
	return event.NewAnswer(resp.Header.Get("Content-Type"), resp.Header.Get("Content-Encoding"), body, most, err != nil)
}

// retryAfter reads a Retry-After header (RFC 9110, section 10.2.3): seconds or a date.
// What can't be read counts as absent.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), maxRetrySeconds)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
