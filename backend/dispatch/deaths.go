package dispatch

import (
	"context"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/internal/recurring"
)

// What the reasons of dead events begin with; those of poison messages begin otherwise.
const (
	refusedForGood = "refused for good"
	outOfAttempts  = "out of attempts"
	outOfTime      = "out of time"
	givenUpBy      = "given up on request"
	unknownBot     = "unknown bot"
	poisonMessage  = "poison message"
)

// deathCause is what a reason begins with.
func deathCause(reason string) string {
	for _, cause := range []string{refusedForGood, outOfAttempts, outOfTime, givenUpBy, unknownBot} {
		if strings.HasPrefix(reason, cause) {
			return cause
		}
	}
	return poisonMessage
}

// deaths bounds what is logged of dead events: of each bot and cause the first at once, and then how many there were.
// Unknown bots are one.
type deaths struct {
	log *slog.Logger

	mu sync.Mutex
	of map[string]map[string]*recurring.Count // By bot and cause.
}

func newDeaths(log *slog.Logger) *deaths {
	return &deaths{log: log, of: map[string]map[string]*recurring.Count{}}
}

// tell logs that an event is dead, where a line is due.
func (d *deaths) tell(ctx context.Context, e *event.Event, isKnown bool, change event.Change) {
	bot, cause := e.Bot, deathCause(change.Error)
	if !isKnown {
		bot = metric.OtherBots
	}
	if times, isDue := d.again(bot, cause, time.Now()); isDue {
		d.log.WarnContext(ctx, "events are dead", e.LogAttr(), slog.String("cause", cause),
			slog.String("reason", change.Error), slog.Int("attempts", change.Attempt), slog.Int("times", times))
	}
}

// again counts an event, see [recurring.Count.Again].
func (d *deaths) again(bot, cause string, now time.Time) (times int, isDue bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.of[bot] == nil {
		d.of[bot] = map[string]*recurring.Count{}
	}
	if d.of[bot][cause] == nil {
		d.of[bot][cause] = new(recurring.Count)
	}
	return d.of[bot][cause].Again(now)
}

// follow forgets bots that are there no more.
func (d *deaths) follow(isKnown func(bot string) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.of, func(bot string, _ map[string]*recurring.Count) bool {
		return bot != metric.OtherBots && !isKnown(bot)
	})
}
