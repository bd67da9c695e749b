package dispatch

import (
	"math/rand/v2"
	"time"

	"github.com/botgate/botgate/internal/bots"
)

// backoff is how soon a bot is tried again; the fields are those of [bots.Bot].
type backoff struct{ min, max, maxRetryAfter time.Duration }

func newBackoff(bot bots.Bot) backoff {
	b := backoff{bot.MinBackoff, bot.MaxBackoff, bot.MaxRetryAfter}
	setDefault(&b.min, bots.DefaultMinBackoff)
	setDefault(&b.max, bots.DefaultMaxBackoff)
	setDefault(&b.maxRetryAfter, bots.DefaultMaxRetryAfter)
	return b
}

// delay is the time until the attempt after this one: random up to a ceiling that
// doubles, so that a bot that comes back is not met by everything at once, and not
// before the bot wants it.
func (b backoff) delay(attempt int, retryAfter time.Duration) time.Duration {
	ceiling := min(b.min, b.max)
	for n := 1; n < attempt && ceiling < b.max; n++ {
		ceiling = min(2*ceiling, b.max)
	}
	return max(rand.N(ceiling)+1, min(retryAfter, b.maxRetryAfter))
}
