package botlimit

import (
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/botgate/botgate/internal/limit"
	"github.com/botgate/botgate/modules/internal/delivery"
)

// ask is what a request asks of the zones, for each of its events: one, or those of a
// platform's batch.
type ask struct {
	takes []limit.Take
	// from says for each take which zone it is of, by which limit, and for which event.
	from  []origin
	slots []limit.Slot
	// slotZones are the zones of the slots.
	slotZones []*Zone
}

type origin struct {
	zone  *Zone
	allow *allowance
	event int
}

// asks collects what the request asks. Merged, a key occurs once, with the costs of all
// events; otherwise each event has its own.
func (h *Handler) asks(r *http.Request, merged bool) *ask {
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	a := &ask{takes: make([]limit.Take, 0, len(h.Zones)), from: make([]origin, 0, len(h.Zones))}
	batch := delivery.Of(r)
	if batch == nil || len(batch.Events) == 0 {
		h.collect(a, repl, 0, merged)
		return a
	}
	for i, e := range batch.Events {
		delivery.SetEvent(repl, e)
		h.collect(a, repl, i, merged)
	}
	delivery.SetEvent(repl, batch.Events[0])
	return a
}

func (h *Handler) collect(a *ask, repl *caddy.Replacer, event int, merged bool) {
	for i := range h.Zones {
		zone := &h.Zones[i]
		key := h.key(zone, repl)
		if zone.exempts(key) {
			continue
		}
		key = maskIPv6(key, h.IPv6Prefix)
		id := limit.IDOf(zone.Name, key)
		if zone.MaxInFlight > 0 {
			a.slot(zone, key, id)
		}
		if cost := zone.costOf(repl); cost > 0 && zone.Rate.Count > 0 {
			t := limit.Take{Zone: zone.Name, Key: key, ID: id, Cost: cost, Lease: zone.Lease}
			a.take(t, origin{zone, zone.allowance(repl), event}, merged)
		}
	}
}

func (a *ask) take(t limit.Take, from origin, merged bool) {
	if merged && from.event > 0 {
		for i := range a.takes {
			if a.takes[i].ID == t.ID {
				a.takes[i].Cost += t.Cost
				return
			}
		}
	}
	t.Limit = from.allow.limit
	a.takes = append(a.takes, t)
	a.from = append(a.from, from)
}

// slot asks for one place, however many events of the key there are.
func (a *ask) slot(zone *Zone, key string, id limit.ID) {
	if slices.ContainsFunc(a.slots, func(s limit.Slot) bool { return s.ID == id }) {
		return
	}
	a.slots = append(a.slots, limit.Slot{Zone: zone.Name, Key: key, ID: id, Max: zone.MaxInFlight})
	a.slotZones = append(a.slotZones, zone)
}

// key is the zone's key for the request, with IPv6 addresses within it cut to their
// prefix where it is made of several parts.
func (h *Handler) key(zone *Zone, repl *caddy.Replacer) string {
	if single(zone.Key) {
		return repl.ReplaceAll(zone.Key, "")
	}
	key, err := repl.ReplaceFunc(zone.Key, func(_ string, value any) (any, error) {
		if text, ok := value.(string); ok {
			return maskIPv6(text, h.IPv6Prefix), nil
		}
		return value, nil
	})
	if err != nil {
		return repl.ReplaceAll(zone.Key, "")
	}
	return key
}

// single reports whether a key is one placeholder and nothing else.
func single(key string) bool {
	return strings.HasPrefix(key, "{") && strings.IndexByte(key, '}') == len(key)-1
}

// maskIPv6 replaces an IPv6 address by the network of that many bits. Other text, IPv4
// addresses included, stays as it is.
func maskIPv6(text string, bits int) string {
	if !strings.Contains(text, ":") || len(text) > len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255%interface-name") {
		return text
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return text
	}
	address = address.Unmap().WithZone("")
	if address.Is4() {
		return address.String()
	}
	network, err := address.Prefix(bits)
	if err != nil {
		return text
	}
	return network.String()
}

// costOf is how much the request counts.
func (z *Zone) costOf(repl *caddy.Replacer) int {
	if z.cost >= 0 {
		return z.cost
	}
	n, err := strconv.Atoi(repl.ReplaceAll(z.Cost, ""))
	switch {
	case n < 0, err != nil && !errors.Is(err, strconv.ErrRange):
		return 1
	default:
		return min(n, maxCount) // No burst is larger.
	}
}

// allowance is the limit that holds for the request.
func (z *Zone) allowance(repl *caddy.Replacer) *allowance {
	if z.Plan != "" {
		if plan, ok := z.plans[repl.ReplaceAll(z.Plan, "")]; ok {
			return plan
		}
	}
	return z.standard
}
