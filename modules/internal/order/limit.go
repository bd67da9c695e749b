package order

import (
	"fmt"
	"slices"
	"strings"
)

// limit finds zones that count something else than they seem to.
func (w *walker) limit(h seen, l limiter, place string, st *state) {
	for _, zone := range l.Zones {
		check := w.certain(st.before, h.when, roleCheck)
		switch {
		case isAddress(zone.Key) && check != nil:
			w.warn(h, place, fmt.Sprintf("zone %s counts addresses after %s, so that what that refuses does not count:"+
				" bot_address_limit stands before it, and so does what is first in a route block", zone.Name, check.name))
		case isWho(zone.Key) && w.possible(st.before, h.when, roleCheck) == nil:
			w.warn(h, place, fmt.Sprintf("zone %s counts by %s, which nobody knows before bot_jwt or bot_signature:"+
				" put it after them", zone.Name, zone.Key))
		}
	}
}

// isAddress reports whether the key is the client's address and nothing else.
func isAddress(key string) bool {
	return slices.Contains([]string{"", "{http.vars.client_ip}", "{client_ip}", "{http.request.remote.host}"}, key)
}

// isWho reports whether the key is known of verified requests only.
func isWho(key string) bool {
	return (strings.Contains(key, "{http.auth.") || strings.Contains(key, "{http.bot.")) && strings.Count(key, "{") == 1
}
