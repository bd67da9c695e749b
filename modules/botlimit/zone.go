package botlimit

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-redis/redis_rate/v10"

	"github.com/botgate/botgate/modules/internal/placeholder"
)

// Zone limits the requests that have the same key. Zones of the same name count
// together, in all routes, and in all gateways that share a Redis.
type Zone struct {
	// Name appears in headers and metrics: letters, digits, '-' and '_', at most 64.
	Name string `json:"name,omitempty"`

	// Key is what is counted, with placeholders that something sets. Requests for which it is empty count
	// together. Default: {http.vars.client_ip}, the client's address, which is taken
	// from headers only where trusted_proxies allows it.
	Key string `json:"key,omitempty"`

	// Rate is how many requests are allowed, as "<count>/<period>": 10/s, 600/m,
	// 5000/h or 100/30s. Required, unless there is MaxInFlight.
	Rate Rate `json:"rate,omitzero"`

	// Burst is how many requests may come at once. Default: the rate's count.
	Burst int `json:"burst,omitempty"`

	// Plan chooses one of Plans by what it comes to, with placeholders, such as a claim.
	// Where there is none of that name, Rate and Burst hold.
	Plan string `json:"plan,omitempty"`

	// Plans are limits by name.
	Plans map[string]Plan `json:"plans,omitempty"`

	// Cost is how much a request counts, a number or a placeholder that comes to one.
	// 0 does not count; what is no whole number from 0 counts 1; more than the burst takes
	// all of it. Callers must not write it themselves, nor what Plan comes to. Default: 1.
	Cost string `json:"cost,omitempty"`

	// Lease takes this many from Redis at once, and spends them in this process: fewer
	// round trips, for an allowance that is spread less evenly over gateways. Default: 1.
	Lease int `json:"lease,omitempty"`

	// MaxInFlight is how many requests of a key may be under way at once in this process.
	// Default: any number.
	MaxInFlight int `json:"max_in_flight,omitempty"`

	// Exempt are keys that do not count, and ranges of addresses (CIDR) where keys are
	// addresses: none larger than a /8, or a /7 of IPv6.
	Exempt []string `json:"exempt,omitempty"`

	standard *allowance
	plans    map[string]*allowance
	keys     map[string]bool
	ranges   []netip.Prefix
	cost     int // where it is a plain number, otherwise -1
	counters zoneCounters
}

// Plan is a limit in place of a zone's own.
type Plan struct {
	// Rate is as in the zone. Required.
	Rate Rate `json:"rate,omitzero"`
	// Burst is as in the zone.
	Burst int `json:"burst,omitempty"`
}

// allowance is a limit with what its callers are told of it.
type allowance struct {
	limit  redis_rate.Limit
	rate   Rate
	policy string
}

func newAllowance(zone string, rate Rate, burst int) *allowance {
	burst = cmp.Or(burst, rate.Count)
	// The burst comes back at the rate, which takes w seconds.
	refill := math.Ceil(rate.Period.Seconds() * float64(burst) / float64(max(1, rate.Count)))
	return &allowance{
		limit:  redis_rate.Limit{Rate: rate.Count, Burst: burst, Period: rate.Period},
		rate:   rate,
		policy: `"` + zone + `";q=` + strconv.Itoa(burst) + `;w=` + strconv.Itoa(int(refill)),
	}
}

func (z *Zone) provision() error {
	z.Key = cmp.Or(z.Key, defaultKey)
	if err := z.restricts(); err != nil {
		return err
	}
	z.Burst = cmp.Or(z.Burst, z.Rate.Count)
	z.standard = newAllowance(z.Name, z.Rate, z.Burst)
	z.plans = make(map[string]*allowance, len(z.Plans))
	for name, plan := range z.Plans {
		z.plans[name] = newAllowance(z.Name, plan.Rate, plan.Burst)
	}
	z.cost = fixedCost(z.Cost)
	z.counters = countersOf(z.Name)
	return z.parseExempt()
}

// mappedBits come before the IPv4 address in an IPv6 address that stands for it.
const mappedBits = 96

func (z *Zone) parseExempt() error {
	z.keys = make(map[string]bool, len(z.Exempt))
	for i := range z.Exempt {
		if z.Exempt[i] != "" { // The empty key can be meant.
			if err := placeholder.Expand("exempt", &z.Exempt[i]); err != nil {
				return err
			}
		}
		text := z.Exempt[i]
		if !strings.Contains(text, "/") {
			z.keys[text] = true
			if address, err := netip.ParseAddr(text); err == nil { // However the key writes it.
				address = address.Unmap().WithZone("")
				z.ranges = append(z.ranges, netip.PrefixFrom(address, address.BitLen()))
			}
			continue
		}
		// A key can have a slash too; what looks like neither is the operator's mistake.
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			if _, err := netip.ParseAddr(text[:strings.IndexByte(text, '/')]); err == nil {
				return fmt.Errorf("option exempt: %q is no range of addresses like 10.0.0.0/8", text)
			}
			z.keys[text] = true
			continue
		}
		if address := prefix.Addr(); address.Is4In6() && prefix.Bits() >= mappedBits {
			prefix = netip.PrefixFrom(address.Unmap(), prefix.Bits()-mappedBits)
		}
		if tooWide(prefix) {
			return fmt.Errorf("option exempt: %q is everybody, or a large part of the Internet", text)
		}
		z.ranges = append(z.ranges, prefix.Masked())
	}
	return nil
}

// Least bits of a range that is exempt: those of the largest private networks, 10.0.0.0/8 and fc00::/7.
const (
	leastBits4 = 8
	leastBits6 = 7
)

func tooWide(prefix netip.Prefix) bool {
	if prefix.Addr().Is4() {
		return prefix.Bits() < leastBits4
	}
	return prefix.Bits() < leastBits6
}

var zoneName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func (z *Zone) validate() error {
	switch {
	case !zoneName.MatchString(z.Name):
		return errors.New("a name has letters, digits, '-' and '_', at most 64")
	case z.Rate.Count == 0 && (z.MaxInFlight == 0 || len(z.Plans) > 0 || z.Burst > 0):
		return fmt.Errorf("option rate: %w", errRate)
	case z.Rate.Count > 0 && (z.Burst < 1 || z.Burst > maxCount):
		return fmt.Errorf("option burst: must be from 1 to %d", maxCount)
	case z.Lease < 0 || z.Lease > maxCount:
		return fmt.Errorf("option lease: must be from 1 to %d", maxCount)
	case z.MaxInFlight < 0 || z.MaxInFlight > maxCount:
		return fmt.Errorf("option max_in_flight: must be from 1 to %d", maxCount)
	case (z.Plan == "") != (len(z.Plans) == 0):
		return errors.New("option plan: needs a placeholder that chooses, and plans to choose from")
	case !strings.Contains(z.Cost, "{") && z.cost < 0:
		return fmt.Errorf("option cost: must be a number from 0 to %d, or a placeholder", maxCount)
	}
	for name, plan := range z.Plans {
		if plan.Rate.Count == 0 {
			return fmt.Errorf("option plan: %q: %w", name, errRate)
		}
		if plan.Burst < 0 || plan.Burst > maxCount {
			return fmt.Errorf("option plan: %q: the burst must be from 1 to %d", name, maxCount)
		}
	}
	return nil
}

// exempts reports whether the key does not count.
func (z *Zone) exempts(key string) bool {
	if len(z.Exempt) == 0 {
		return false
	}
	if z.keys[key] {
		return true
	}
	if len(z.ranges) == 0 {
		return false
	}
	address, err := netip.ParseAddr(key)
	address = address.Unmap().WithZone("")
	return err == nil && slices.ContainsFunc(z.ranges, func(r netip.Prefix) bool { return r.Contains(address) })
}

// fixedCost is the cost where it is a plain number in bounds, otherwise -1.
func fixedCost(text string) int {
	n, err := strconv.Atoi(cmp.Or(text, "1"))
	if err != nil || n < 0 || n > maxCount {
		return -1
	}
	return n
}
