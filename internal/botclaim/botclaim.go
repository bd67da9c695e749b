// Package botclaim says which bots the caller of the API may see, and send commands to: all, one, or none. The gateway
// takes it from the caller's token and passes it on as one text, which the backend reads.
package botclaim

import (
	"net/http"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/problem"
)

const (
	// Header is where the gateway passes it on to the backend, always: a request without it was not let in by
	// anybody who knows of it.
	Header = "X-Botgate-Bot"
	// Placeholder is where bot_jwt leaves it for the handlers that follow.
	Placeholder = "http.bot.allowed"
	// All stands for every bot. Any other text that is no bot's name, the empty one too, stands for none.
	All = "*"
)

// OtherBot is the answer to who names a bot that is not theirs.
var OtherBot = problem.New(http.StatusForbidden, "other-bot", "The token is for another bot.")

// Of is what a token's claim allows: all bots where the token lacks it, the one whose name it is, and none where it is
// anything else, null and the empty text too. Names are compared as they are, never trimmed.
func Of(claim any, claimed bool) string {
	if !claimed {
		return All
	}
	if name, ok := claim.(string); ok && event.ValidBot(name) {
		return name
	}
	return ""
}

// May reports whether what is allowed includes the bot.
func May(allowed, bot string) bool {
	return allowed == All || (allowed == bot && event.ValidBot(bot))
}
