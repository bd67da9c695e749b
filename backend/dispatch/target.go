package dispatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/retry"
)

// target is a bot in the form that an attempt needs.
type target struct {
	bot     bots.Bot // With its defaults.
	url     *url.URL
	secrets []platform.Secret
	gate    *gate // Nil where nothing else sends to it.
	// replaced ends when the bot has other settings, or is there no more.
	replaced context.Context
	replace  context.CancelFunc
}

// expired reports whether an event is too old for the bot.
// A replay is delivered, however old the event is.
func (t *target) expired(d *queue.Delivery, now time.Time) bool {
	return t.bot.ExpireAfter > 0 && d.Replays == 0 && now.Sub(d.Event.Time) > t.bot.ExpireAfter
}

// triedSince is when the time of [bots.Bot.GiveUpAfter] began: when the event was accepted. When it
// was replayed, no delivery says; the first attempt since then that is known of stands for it.
func triedSince(d *queue.Delivery, now time.Time) time.Time {
	switch {
	case d.Replays == 0:
		return d.Event.Time
	case len(d.Outcomes) > 0:
		return d.Outcomes[0].At
	}
	return now
}

// delay is the time until the attempt after this one: a backoff with full jitter, so that a
// bot that comes back is not met by everything at once, and not before the bot wants it.
func (t *target) delay(attempt int, retryAfter time.Duration) time.Duration {
	backoff := retry.Backoff{Min: t.bot.MinBackoff, Max: t.bot.MaxBackoff, Jitter: 1}
	return max(1, backoff.Delay(attempt), min(retryAfter, t.bot.MaxRetryAfter))
}

// Check reports the bot whose address or secrets don't do, without making a Dispatcher.
func Check(set bots.Set) error {
	_, err := newTargets(set)
	return err
}

func newTargets(set bots.Set) (map[string]*target, error) {
	targets := make(map[string]*target, len(set))
	for _, name := range set.Names() {
		t, err := newTarget(set[name])
		if err != nil {
			return nil, fmt.Errorf("bot %q: %w", name, err)
		}
		targets[name] = t
	}
	return targets, nil
}

func newTarget(bot bots.Bot) (*target, error) {
	u, err := url.Parse(bot.URL)
	if err != nil || u.Host == "" {
		// The error of url.Parse repeats the address, which may hold a password.
		return nil, errors.New("url: must be an http or https address")
	}
	t := &target{bot: bot.WithDefaults(), url: u}
	t.replaced, t.replace = context.WithCancel(context.Background())
	for i, raw := range bot.Secrets {
		secret, err := platform.ParseStandardWebhooksSecret(raw)
		if err != nil {
			return nil, fmt.Errorf("secret %d: %w", i+1, err)
		}
		t.secrets = append(t.secrets, secret)
	}
	if len(t.secrets) == 0 {
		return nil, errors.New("it has no secret to sign with")
	}
	return t, nil
}

// drainOf returns the largest timeout, as far as a stop may take that long.
func drainOf(targets map[string]*target) time.Duration {
	var longest time.Duration
	for _, t := range targets {
		longest = max(longest, t.bot.Timeout)
	}
	return min(longest, MaxDrain)
}

// header returns the headers of an attempt: the event's attributes in the binary mode
// of the CloudEvents HTTP binding 1.0.2, and the signatures of Standard Webhooks 1.0.0.
//
// A replay has a webhook-id of its own, so that a receiver that drops the ids which it has seen,
// as libraries of Standard Webhooks do, acts on it; a retry has that of the first attempt.
func (t *target) header(e *event.Event, replays int, now time.Time) http.Header {
	h := http.Header{}
	for name, value := range e.Attributes() {
		h.Set("ce-"+name, percentEncode(value))
	}
	if e.ContentType != "" {
		h.Set("Content-Type", e.ContentType)
	}
	h.Set("User-Agent", "Botgate")
	id := e.ID
	if replays > 0 {
		h.Set(headerReplay, strconv.Itoa(replays))
		id += ".r" + strconv.Itoa(replays)
	}
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
	h.Set("webhook-signature", t.sign(id, now, e.Data))
	return h
}

// sign makes one signature of each secret, so that a bot can change its secret without
// missing an event.
func (t *target) sign(id string, now time.Time, data []byte) string {
	signatures := make([]string, len(t.secrets))
	for i, secret := range t.secrets {
		signatures[i] = platform.StandardWebhooksSignature(secret, id, now, data)
	}
	return strings.Join(signatures, " ")
}

// percentEncode encodes an attribute as section 3.1.3.2 of the CloudEvents HTTP binding
// asks: space, '"', '%' and whatever is not printable ASCII.
func percentEncode(s string) string {
	const hex = "0123456789ABCDEF"
	plain := func(c byte) bool { return c > ' ' && c < 0x7f && c != '"' && c != '%' }
	i := 0
	for i < len(s) && plain(s[i]) {
		i++
	}
	if i == len(s) {
		return s
	}
	encoded := append(make([]byte, 0, len(s)+16), s[:i]...)
	for ; i < len(s); i++ {
		if c := s[i]; plain(c) {
			encoded = append(encoded, c)
		} else {
			encoded = append(encoded, '%', hex[c>>4], hex[c&0x0f])
		}
	}
	return string(encoded)
}
