package lockout

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/botgate/botgate/internal/expiring"
)

// maxName bounds the name of who is locked out, in bytes: callers choose a part of it.
const maxName = 128

// Lockout is one that is in force.
type Lockout struct {
	// Kind is what the failures were about: the name that the guard was acquired with.
	Kind string `json:"kind"`
	// Who is an address, or the network of an IPv6 address; of bot_token's clients, with the client's id behind it.
	Who string `json:"who"`
	// Until is when it ends.
	Until time.Time `json:"until"`
}

// is reports whether the lockout is of the name, the address or the client.
func (l Lockout) is(who string) bool {
	if address, err := netip.ParseAddr(who); err == nil {
		who = network(address)
	}
	address, client, _ := strings.Cut(l.Who, " ")
	return who != "" && slices.Contains([]string{l.Who, address, client}, who)
}

// Lockouts returns those in force, as far as this process knows them: those of other gateways within a second.
func (g *Guard) Lockouts() (list []Lockout) {
	now := g.now()
	g.locked.Each(func(who string, until time.Time) {
		if until.After(now) {
			list = append(list, Lockout{Kind: g.name, Who: who, Until: until})
		}
	})
	return list
}

// Lift ends the lockouts that are chosen, here at once and on other gateways within a second, and returns them. With
// an error they are lifted here, and may not be elsewhere.
func (g *Guard) Lift(ctx context.Context, chosen func(Lockout) bool) (lifted []Lockout, err error) {
	if g.shared != nil {
		err = g.sync(ctx)
	}
	for _, one := range g.Lockouts() {
		if !chosen(one) {
			continue
		}
		lifted = append(lifted, one)
		g.forget(one.Who)
		if g.shared != nil && err == nil {
			err = g.shared.lift(ctx, one.Who, g.config)
		}
	}
	return lifted, err
}

func (g *Guard) forget(name string) {
	g.locked.Delete(name)
	g.local.Delete(name)
	g.alone.Delete(name)
}

// poll takes over what other gateways locked and lifted.
func (g *Guard) poll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, pollInterval)
	defer cancel()
	_ = g.sync(ctx) // Failed says it when it matters.
	for _, table := range []*expiring.Map[string, time.Time]{g.locked, g.alone} {
		table.Sweep(since(g.now()))
	}
}

// sync is one poll. What was lifted goes first: it may have been locked again since.
func (g *Guard) sync(ctx context.Context) error {
	g.polling.Lock()
	defer g.polling.Unlock()
	lifted, err := g.shared.newlyLifted(ctx)
	if err != nil {
		return err
	}
	for _, name := range lifted { // At once: it is not told again.
		g.forget(name)
	}
	if err := g.tell(ctx); err != nil {
		return err
	}
	locked, err := g.shared.locked(ctx)
	if err != nil {
		return err
	}
	for name, left := range locked {
		g.lock(name, left)
	}
	return nil
}

// tell has the other gateways know whom this one locked out while Redis did not answer, for as long as that lasts still.
func (g *Guard) tell(ctx context.Context) error {
	lasts, now := map[string]time.Duration{}, g.now()
	g.alone.Each(func(name string, until time.Time) { lasts[name] = until.Sub(now) })
	for name, left := range lasts {
		if left >= time.Millisecond {
			if _, err := g.shared.count(ctx, name, g.config.Failures, left, g.config); err != nil {
				return err
			}
		}
		g.alone.Delete(name)
	}
	return nil
}

// nameOf makes a key fit to be kept, listed and logged.
func nameOf(key string) string {
	if len(key) <= maxName && !strings.ContainsFunc(key, unprintable) {
		return key
	}
	const sum = 16
	clean := strings.Map(func(r rune) rune {
		if unprintable(r) {
			return '?'
		}
		return r
	}, key[:min(len(key), maxName-sum-1)])
	return clean + "#" + digest(key)[:sum]
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }

// digest keeps out of Redis who failed and is not locked out.
func digest(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:16])
}
