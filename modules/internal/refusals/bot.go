package refusals

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// varBot is where the bot is that a request is for.
const varBot = "botgate_refusals_bot"

// About says which bot a request is for: who matched its path knows, or who was told by an option. Paths are not guessed
// from, since a bot may be called as any part of them.
func About(r *http.Request, bot string) { caddyhttp.SetVar(r.Context(), varBot, bot) }

// botOf is the bot that a request is about; empty for none. Names that nobody knows become nothing: callers choose them.
func botOf(r *http.Request, known func(bot string) bool) string {
	if bot, _ := caddyhttp.GetVar(r.Context(), varBot).(string); known(bot) {
		return bot
	}
	return ""
}
