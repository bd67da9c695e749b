package botjwt

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// names are how the users of a configuration's issuers are told apart, over all of its handlers.
type names struct {
	lock sync.RWMutex
	// plain are for each handler the issuers whose users have no prefix.
	plain [][]string
	// prefixes are those of all other issuers.
	prefixes []string
}

// known are the names of the configurations that there are, each until it ends.
var known sync.Map // of *caddyhttp.App to *names

// namesOf are those of the configuration that the module of ctx is provisioned in.
func namesOf(ctx caddy.Context) *names {
	for _, module := range ctx.Modules() {
		if config, ok := module.(*caddyhttp.App); ok {
			found, loaded := known.LoadOrStore(config, &names{})
			if !loaded {
				context.AfterFunc(ctx, func() { known.Delete(config) })
			}
			return found.(*names)
		}
	}
	return &names{} // Not within an HTTP server.
}

// add takes in what a trust names its users. It returns the issuers of another handler whose users would have the same
// names; those of a trust that names no issuer are not looked at.
func (n *names) add(t *trust) (others []string) {
	n.lock.Lock()
	defer n.lock.Unlock()
	if t.Prefix != "" {
		n.prefixes = append(n.prefixes, t.Prefix)
		return nil
	}
	if len(t.Issuers) == 0 || t.Shared {
		return nil
	}
	for _, plain := range n.plain {
		if !slices.ContainsFunc(t.Issuers, func(issuer string) bool { return slices.Contains(plain, issuer) }) {
			others = plain
		}
	}
	n.plain = append(n.plain, t.Issuers)
	return others
}

// taken reports whether a name is one of those of an issuer with a prefix.
func (n *names) taken(user string) bool {
	n.lock.RLock()
	defer n.lock.RUnlock()
	return slices.ContainsFunc(n.prefixes, func(prefix string) bool { return strings.HasPrefix(user, prefix) })
}

// nameUser returns the name of a trust's user, which is that of no other issuer's.
func (n *names) nameUser(of *trust, user string) (string, error) {
	switch {
	case user == "" || len(of.Prefix+user) > maxUser:
		return "", reasonNoUser
	case of.Prefix == "" && n.taken(user):
		return "", reasonForeignUser
	}
	return of.Prefix + user, nil
}

// nameUsers takes in what the handler's issuers name their users, and warns where two routes trust an issuer each whose
// users have the same names: they may be the same.
func (h *Handler) nameUsers(n *names, logger *slog.Logger) {
	for _, t := range h.trusts {
		if others := n.add(t); others != nil {
			logger.Warn("users of two issuers have the same names: give one the option user_prefix, "+
				"or say user_prefix off where they are the same users",
				slog.Any("issuers", t.Issuers), slog.Any("others", others))
		}
	}
}
