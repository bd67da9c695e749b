package dispatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/outbound"
	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/internal/retry"
)

// lateTimeout bounds one attempt to send a late answer.
const lateTimeout = 10 * time.Second

// lateBackoff paces those that fail, where the platform does not say when it wants to be asked again.
var lateBackoff = retry.Backoff{Min: time.Second, Max: time.Minute, Jitter: 0.5}

// errNotPlatforms is of an address that is not the platform's. It does not repeat that, which has a secret.
var errNotPlatforms = errors.New("the address is not the platform's")

// poster sends late answers to their platforms.
type poster struct {
	// base takes the place of the platforms' addresses, for tests; empty for none.
	base string
}

// newPoster checks the address that takes the place of the platforms'.
func newPoster(base string) (poster, error) {
	if base == "" {
		return poster{}, nil
	}
	if err := outbound.CheckEncryptedText(base); err != nil {
		return poster{}, fmt.Errorf("address for late answers: %w", err)
	}
	return poster{base: strings.TrimSuffix(base, "/")}, nil
}

// post makes one attempt. Redirects are not followed.
func (p poster) post(ctx context.Context, c clients, late event.LateAnswer, now time.Time) answer {
	ctx, cancel := context.WithTimeout(ctx, lateTimeout)
	defer cancel()
	r, err := p.request(ctx, late)
	if err != nil {
		return answer{err: err}
	}
	client := c.public
	if p.base != "" {
		client = c.private
	}
	resp, err := client.RoundTrip(r)
	if err != nil {
		return answer{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer)
	return answer{status: resp.StatusCode, retryAfter: retryAfter(resp.Header.Get("Retry-After"), now)}
}

// request goes to the platform's own host, whatever else the queue says.
func (p poster) request(ctx context.Context, late event.LateAnswer) (*http.Request, error) {
	channel := platform.LateChannelOf(late.Platform)
	if channel == nil || !channel.Goes(late.Host) || !strings.HasPrefix(late.Path, "/") {
		return nil, errNotPlatforms
	}
	base := "https://" + late.Host
	if p.base != "" {
		base = p.base
	}
	r, err := http.NewRequestWithContext(ctx, late.Method, base+late.Path, bytes.NewReader(late.Body))
	if err != nil {
		return nil, errNotPlatforms
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", channel.UserAgent)
	return r, nil
}

// lateOutcome is what a platform's answer means for a late answer: it is sent, unsent, or tried again after a delay.
func lateOutcome(ans answer, attempt int, until, now time.Time) (answered event.Answered, reason string, delay time.Duration) {
	switch {
	case ans.status/100 == 2:
		return event.AnsweredSent, "", 0
	case ans.err != nil:
		reason = "the platform was not reached: " + string(ans.cause())
	default:
		reason = fmt.Sprintf("the platform answered %d", ans.status)
	}
	if !isPassing(ans) {
		return event.AnsweredUnsent, reason, 0
	}
	delay = max(lateBackoff.Delay(attempt), ans.retryAfter)
	if !now.Add(delay).Before(until) {
		return event.AnsweredUnsent, "out of time: " + reason, 0
	}
	return "", reason, delay
}

// isPassing reports whether the platform may take later what it did not take now.
func isPassing(ans answer) bool {
	switch ans.status {
	case 0:
		return !errors.Is(ans.err, errNotPlatforms)
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return ans.status/100 == 5
}
