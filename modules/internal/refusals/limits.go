package refusals

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/botgate/botgate/internal/report"
)

// repeatLimits is how often the limits are reported where nothing else is.
const repeatLimits = time.Hour

// Limiter is a handler with rate limits.
type Limiter interface {
	Zones() []report.Zone
	// Offenders are at most n, those with most refusals first. Handlers may share them.
	Offenders(n int) []report.Offender
	// Spent says of each zone how long it takes until the key has its full allowance there again.
	Spent(ctx context.Context, key string, zones ...string) ([]time.Duration, error)
	// Reset gives a key its full allowance back.
	Reset(ctx context.Context, zone, key string) error
}

// limiters are the handlers whose limits are reported.
type limiters struct {
	all map[*Limiter]struct{}
	// changed is set where they are others than those reported last, which was at reported.
	changed  bool
	reported time.Time
}

// Watch has the limits of a handler reported until stop is called.
func (t *Tally) Watch(l Limiter) (stop func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := &l
	if t.limiters.all == nil {
		t.limiters.all = map[*Limiter]struct{}{}
	}
	t.limiters.all[key], t.limiters.changed = struct{}{}, true
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.limiters.all, key)
		t.limiters.changed = true
	}
}

// due reports whether the limits are to be reported. The lock is held.
func (l *limiters) due(now time.Time) bool {
	return len(l.all) > 0 && (l.changed || now.Sub(l.reported) >= repeatLimits)
}

// report is what there is to say of the limits; nil without any. The lock is held.
func (l *limiters) report(now time.Time) *report.Limits {
	if len(l.all) == 0 {
		return nil
	}
	l.changed, l.reported = false, now
	made := &report.Limits{}
	for limiter := range l.all {
		made.Zones = append(made.Zones, (*limiter).Zones()...)
		made.Offenders = append(made.Offenders, (*limiter).Offenders(report.MaxOffenders)...)
	}
	byName := func(a, b report.Zone) int { return cmp.Compare(a.Name, b.Name) }
	slices.SortStableFunc(made.Zones, byName)
	made.Zones = slices.CompactFunc(made.Zones, func(a, b report.Zone) bool { return a.Name == b.Name })
	made.Zones = made.Zones[:min(len(made.Zones), report.MaxZones)]
	slices.SortFunc(made.Offenders, func(a, b report.Offender) int {
		return cmp.Or(cmp.Compare(b.Refused, a.Refused), cmp.Compare(a.Zone, b.Zone), cmp.Compare(a.Key, b.Key))
	})
	made.Offenders = slices.CompactFunc(made.Offenders, func(a, b report.Offender) bool { return a.Zone == b.Zone && a.Key == b.Key })
	made.Offenders = made.Offenders[:min(len(made.Offenders), report.MaxOffenders)]
	return made
}

// ResetLimit gives a key of a zone its full allowance back.
func (t *Tally) ResetLimit(ctx context.Context, zone, key string) (err error) {
	for _, limiter := range t.watched() {
		err = errors.Join(err, limiter.Reset(ctx, zone, key))
	}
	return err
}

// SpentLimits says of each zone how long it takes until the key has its full allowance there again, if nothing more is
// taken.
func (t *Tally) SpentLimits(ctx context.Context, key string, zones ...string) ([]time.Duration, error) {
	spent := make([]time.Duration, len(zones))
	for _, limiter := range t.watched() {
		of, err := limiter.Spent(ctx, key, zones...)
		if err != nil {
			return nil, err
		}
		for i := range of { // A zone is one handler's; the others know nothing of it.
			spent[i] = max(spent[i], of[i])
		}
	}
	return spent, nil
}

func (t *Tally) watched() []Limiter {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]Limiter, 0, len(t.limiters.all))
	for limiter := range t.limiters.all {
		all = append(all, *limiter)
	}
	return all
}
