package botlimit

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-redis/redis_rate/v10"
)

// The fields of draft-ietf-httpapi-ratelimit-headers: lists with one item a zone.
const (
	policyHeader = "RateLimit-Policy"
	limitHeader  = "RateLimit"
)

// policy is the zones' value of RateLimit-Policy: q requests in w seconds.
func policy(zones []Zone) string {
	items := make([]string, len(zones))
	for i, z := range zones {
		items[i] = `"` + z.Name + `";q=` + strconv.Itoa(z.Rate.Count) + `;w=` + strconv.Itoa(int(z.Rate.Period/time.Second))
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
