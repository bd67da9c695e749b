package botlimit

import (
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-redis/redis_rate/v10"
)

// The fields of draft-ietf-httpapi-ratelimit-headers: lists with one item a zone.
const (
	policyHeader = "RateLimit-Policy"
	limitHeader  = "RateLimit"
)

// policy is the zones' value of RateLimit-Policy: at most q requests at once, the burst,
// which w seconds at the zone's rate fill again.
func policy(zones []Zone) string {
	items := make([]string, len(zones))
	for i, z := range zones {
		refill := z.Rate.Period.Seconds() * float64(z.Burst) / float64(z.Rate.Count)
		items[i] = `"` + z.Name + `";q=` + strconv.Itoa(z.Burst) + `;w=` + strconv.Itoa(int(math.Ceil(refill)))
	}
	return strings.Join(items, ", ")
}

// addLimit adds a zone's item to RateLimit: r requests may follow at once, and in t
// seconds the allowance is full again.
func addLimit(h http.Header, zone string, result *redis_rate.Result) {
	b := make([]byte, 0, 64)
	b = append(append(append(b, '"'), zone...), `";r=`...)
	b = strconv.AppendInt(b, int64(result.Remaining), 10)
	b = append(b, ";t="...)
	b = strconv.AppendInt(b, int64(math.Ceil(result.ResetAfter.Seconds())), 10)
	h.Add(limitHeader, string(b))
}
