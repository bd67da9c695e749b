package dispatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/retry"
)

// target is a bot in the form that an attempt needs.
type target struct {
	bot     bots.Bot      // With its defaults.
	blank   *http.Request // To its address, without a body; nil for a bot that pulls.
	secrets []platform.Secret
	// credentials are the header Authorization, where the address has a user; else empty.
	credentials string
	gate        *gate // Nil where nothing else sends to it.
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
	if d.Replays == 0 {
		return d.Event.Time
	}
	return sinceFirst(d, now)
}

// sinceFirst is when the first attempt ended that is known of.
func sinceFirst(d *queue.Delivery, now time.Time) time.Time {
	if len(d.Outcomes) > 0 {
		return d.Outcomes[0].At
	}
	return now
}

// triedSince does the same for an event of the bot: a pause does not count.
// Nor does what it waited for a poller, at a bot that pulls.
func (t *target) triedSince(d *queue.Delivery, now time.Time) time.Time {
	since := triedSince(d, now)
	if t.bot.Pull {
		since = sinceFirst(d, now)
	}
	if t.bot.ResumedAt.After(since) {
		return t.bot.ResumedAt
	}
	return since
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
	if bot.Pull {
		t := &target{bot: bot.WithDefaults()}
		t.replaced, t.replace = context.WithCancel(context.Background())
		return t, nil
	}
	blank, err := http.NewRequest(http.MethodPost, bot.URL, nil) //nolint:noctx // Each attempt has a context of its own.
	if err != nil || blank.URL.Host == "" {
		// The error repeats the address, which may hold a password.
		return nil, errors.New("url: must be an http or https address")
	}
	t := &target{bot: bot.WithDefaults(), blank: blank}
	if user := blank.URL.User; user != nil {
		password, _ := user.Password()
		blank.SetBasicAuth(user.Username(), password)
		t.credentials = blank.Header.Get("Authorization")
	}
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

// drainOf returns the largest timeout, also of sending late answers, as far as a stop may take that long.
func drainOf(targets map[string]*target) time.Duration {
	var longest time.Duration
	for _, t := range targets {
		if !t.bot.Pull {
			longest = max(longest, t.bot.Timeout)
		}
		if t.bot.Answers == bots.AnswersPlatform {
			longest = max(longest, lateTimeout)
		}
	}
	return min(longest, MaxDrain)
}
