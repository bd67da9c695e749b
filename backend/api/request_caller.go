package api

import (
	"net/http"

	"github.com/botgate/botgate/internal/event"
)

// botHeader is the header in which the gateway passes on the bot that the caller's token is
// for, its claim "bot". Without the header the caller may see all bots'.
const botHeader = "X-Botgate-Bot"

// caller is who sent a request.
type caller struct {
	// bot is the only one whose events the caller may see; empty for all.
	bot string
}

// callerOf reads what the gateway says of the caller. A claim that names no bot, or
// several, lets nothing be seen.
func callerOf(h http.Header) (caller, error) {
	switch named := h.Values(botHeader); {
	case len(named) == 0:
		return caller{}, nil
	case len(named) > 1 || !event.ValidBot(named[0]):
		return caller{}, otherBot
	default:
		return caller{bot: named[0]}, nil
	}
}

// may reports whether the caller may see what is of the bot. What they may not see must look
// as if it did not exist.
func (c caller) may(bot string) bool { return c.bot == "" || c.bot == bot }

// restrict narrows a filter down to what the caller may see; another bot by name is
// rejected.
func (c caller) restrict(bot *string) error {
	if *bot == "" {
		*bot = c.bot
	}
	if !c.may(*bot) {
		return otherBot
	}
	return nil
}
