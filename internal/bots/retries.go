package bots

import (
	"errors"
	"fmt"
	"time"
)

// maxDuration bounds every duration of the file: nobody means to wait longer, and the
// arithmetic of delays stays far from its limits.
const maxDuration = 24 * time.Hour

// retries reads how often and how soon a bot is tried.
func (e entry) retries(b *Bot) error {
	for _, d := range []struct {
		name, text string
		field      *time.Duration
		otherwise  time.Duration
	}{
		{"timeout", e.Timeout, &b.Timeout, DefaultTimeout},
		{"min_backoff", e.MinBackoff, &b.MinBackoff, DefaultMinBackoff},
		{"max_backoff", e.MaxBackoff, &b.MaxBackoff, DefaultMaxBackoff},
		{"max_retry_after", e.MaxRetryAfter, &b.MaxRetryAfter, DefaultMaxRetryAfter},
		{"expire_after", e.ExpireAfter, &b.ExpireAfter, 0},
	} {
		if *d.field = d.otherwise; d.text == "" {
			continue
		}
		value, err := time.ParseDuration(d.text)
		if err != nil || value <= 0 || value > maxDuration {
			return fmt.Errorf("%s: %q is not a duration like 10s, of at most %s", d.name, d.text, maxDuration)
		}
		*d.field = value
	}
	if e.MaxAttempts < 0 {
		return errors.New("max_attempts: must be positive")
	}
	if b.MaxAttempts = e.MaxAttempts; b.MaxAttempts == 0 {
		b.MaxAttempts = DefaultMaxAttempts
	}
	return b.orderBackoffs(e)
}

// orderBackoffs checks the two bounds against each other. Where only one is set, the
// default of the other one gives way to it.
func (b *Bot) orderBackoffs(e entry) error {
	switch {
	case b.MinBackoff <= b.MaxBackoff:
	case e.MaxBackoff == "":
		b.MaxBackoff = b.MinBackoff
	case e.MinBackoff == "":
		b.MinBackoff = b.MaxBackoff
	default:
		return fmt.Errorf("min_backoff: %s is more than max_backoff, %s", e.MinBackoff, e.MaxBackoff)
	}
	return nil
}
