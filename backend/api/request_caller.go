package api

import (
	"net/http"
	"slices"

	"github.com/botgate/botgate/internal/botclaim"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/problem"
)

// caller is who sent a request.
type caller struct {
	// bot is the only one whose events the caller may see; empty for all.
	bot string
	// user is who asks, as the gateway says; empty where nobody is named. The rest is for the audit: the issuer and the
	// id of the token, and the address.
	user, issuer, session, address string
}

// The headers in which the gateway says who asks.
const (
	userHeader    = "X-Botgate-User"
	issuerHeader  = "X-Botgate-Issuer"
	sessionHeader = "X-Botgate-Token"
	addressHeader = "X-Botgate-Client"
)

// noBotHeader answers a gateway that does not say for which bot its caller is: a check that it lacks must not open
// everything.
var noBotHeader = problem.New(http.StatusForbidden, "no-bot-header", "The gateway does not say for which bot the caller is.").
	WithDetail("The header %s is missing: bot_jwt sends it. In front of another check, the route's reverse_proxy needs "+
		"header_up %[1]s <bot>, or * for all bots.", botclaim.Header)

// callerOf reads what the gateway says of the caller. What is no bot's name, or there twice, lets nothing be seen. Only
// who asks the API itself, and through nothing, may leave it out.
func callerOf(h http.Header) (caller, error) {
	named := h.Values(botclaim.Header)
	switch {
	case len(named) == 0 && throughProxy(h):
		return caller{}, noBotHeader
	case len(named) == 0, len(named) == 1 && named[0] == botclaim.All:
		return caller{}, nil
	case len(named) == 1 && event.ValidBot(named[0]):
		return caller{bot: named[0]}, nil
	}
	return caller{}, otherBot
}

// passedOn are the headers of what passes requests on. The API itself asks for no credentials: those that are there are
// the secret that gateways share with it, or a caller's, who believes that somebody checks them.
var passedOn = []string{"Authorization", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "Via"}

// throughProxy reports whether a request came through a gateway, or anything else that passes requests on.
func throughProxy(h http.Header) bool {
	return slices.ContainsFunc(passedOn, func(name string) bool { return len(h[name]) > 0 })
}

// asCaller is an endpoint for the caller whom the gateway names.
func asCaller(answer endpoint) anyone {
	return func(w *response, r *http.Request) error {
		c, err := callerOf(r.Header)
		if err != nil {
			return err
		}
		for header, field := range map[string]*string{
			userHeader: &c.user, issuerHeader: &c.issuer, sessionHeader: &c.session, addressHeader: &c.address,
		} {
			if value := r.Header.Get(header); value != "" {
				*field = event.NameOf(value) // Bounded, and fit for a database.
			}
		}
		return answer(w, r, c)
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
