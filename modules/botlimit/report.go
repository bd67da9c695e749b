package botlimit

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/botgate/botgate/internal/report"
	"github.com/botgate/botgate/modules/internal/refusals"
)

// reported is a handler as the report to the backend has it.
type reported struct{ handler *Handler }

var _ refusals.Limiter = reported{}

// Zones implements [refusals.Limiter].
func (r reported) Zones() []report.Zone {
	zones := make([]report.Zone, len(r.handler.Zones))
	for i, z := range r.handler.Zones {
		zones[i] = report.Zone{Name: z.Name, Key: z.Key, MaxInFlight: z.MaxInFlight, Defers: r.handler.OverLimit == overLimitDefer}
		if z.Rate.Count > 0 {
			zones[i].Rate, zones[i].Burst = z.Rate.String(), z.Burst
			zones[i].Interval = z.Rate.Period.Seconds() / float64(z.Rate.Count)
		}
		for _, name := range slices.Sorted(maps.Keys(z.Plans)) {
			allow := z.plans[name]
			zones[i].Plans = append(zones[i].Plans, report.Plan{Name: name, Rate: allow.rate.String(), Burst: allow.limit.Burst})
		}
	}
	return zones
}

// Offenders implements [refusals.Limiter].
func (r reported) Offenders(n int) []report.Offender {
	top := r.handler.limiter.TopKeys(n)
	offenders := make([]report.Offender, len(top))
	for i, t := range top {
		offenders[i] = report.Offender(t)
	}
	return offenders
}

// Spent implements [refusals.Limiter].
func (r reported) Spent(ctx context.Context, key string, zones ...string) ([]time.Duration, error) {
	return r.handler.limiter.Spent(ctx, key, zones...)
}

// Reset implements [refusals.Limiter].
func (r reported) Reset(ctx context.Context, zone, key string) error {
	return r.handler.limiter.Reset(ctx, zone, key)
}
