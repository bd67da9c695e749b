package botlimit

import (
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/botgate/botgate/internal/limit"
)

// The fields of draft-ietf-httpapi-ratelimit-headers-10: lists with one item a zone.
const (
	policyHeader = "RateLimit-Policy"
	limitHeader  = "RateLimit"
)

// The fields of before there was a draft, of one zone. Reset is in seconds from now.
const (
	legacyLimit     = "X-RateLimit-Limit"
	legacyRemaining = "X-RateLimit-Remaining"
	legacyReset     = "X-RateLimit-Reset"
)

// addPolicy adds the zones' limits: at most q requests at once, the burst, which w
// seconds at the zone's rate fill again.
func addPolicy(h http.Header, zones []origin) {
	items := make([]string, len(zones))
	for i, z := range zones {
		items[i] = z.allow.policy
	}
	h.Add(policyHeader, strings.Join(items, ", "))
}

// addLimit adds a zone's item to RateLimit: r requests may follow at once, and in t
// seconds the allowance is full again.
func addLimit(h http.Header, zone string, r limit.Result) {
	b := make([]byte, 0, 64)
	b = append(append(append(b, '"'), zone...), `";r=`...)
	b = strconv.AppendInt(b, int64(r.Remaining), 10)
	b = append(b, ";t="...)
	b = strconv.AppendInt(b, int64(math.Ceil(r.ResetAfter.Seconds())), 10)
	h.Add(limitHeader, string(b))
}

// setLegacy shows the zone that refuses, or else the one that has least left.
func setLegacy(h http.Header, zones []origin, results []limit.Result) {
	at := limit.Decision{Results: results}.Refused()
	for i, r := range results {
		if r.Known && (at < 0 || results[at].Allowed && r.Remaining < results[at].Remaining) {
			at = i
		}
	}
	if at < 0 {
		return
	}
	h.Set(legacyLimit, strconv.Itoa(zones[at].allow.limit.Burst))
	h.Set(legacyRemaining, strconv.Itoa(results[at].Remaining))
	h.Set(legacyReset, strconv.Itoa(int(math.Ceil(results[at].ResetAfter.Seconds()))))
}
