package api

import (
	"cmp"
	"context"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/internal/report"
)

const (
	// offends is for how long after its last refusal a key is shown.
	offends = 10 * time.Minute
	// maxOffenders bounds how many are.
	maxOffenders = 100
	// maxLimitKey bounds a key, in bytes.
	maxLimitKey = 1024
)

// Limits are the rate limits of all gateways.
type Limits interface {
	// ResetLimit gives a key of a zone its full allowance back.
	ResetLimit(ctx context.Context, zone, key string) error
	// SpentLimits says of each zone how long it takes until the key has that again, if nothing more is taken.
	SpentLimits(ctx context.Context, key string, zones ...string) ([]time.Duration, error)
}

// noReset answers where the gateways would not hear of it.
var noReset = problem.New(http.StatusConflict, "no-reset", "Limits can't be reset here.").
	WithDetail("Each gateway counts in its memory, and the backend is another process: set BOTGATE_REDIS_URL, or ask each gateway's admin endpoint.")

// limitsView is the limits of all gateways.
type limitsView struct {
	Zones     []zoneView     `json:"zones"`
	Offenders []offenderView `json:"offenders"`
}

// zoneView is a zone as the gateway that reported last has it.
type zoneView struct {
	report.Zone

	// Gateways are how many have a zone of that name.
	Gateways int       `json:"gateways"`
	At       time.Time `json:"at"`
	// Allowance is that of the key that was asked for; nil for none, and where it is not known.
	Allowance *allowanceView `json:"allowance,omitempty"`
}

// allowanceView is what a key may take now.
type allowanceView struct {
	// Remaining is how many requests there may be at once.
	Remaining int `json:"remaining"`
	// WholeIn is how long it takes until that is the burst again, in milliseconds.
	WholeIn int64 `json:"whole_in_ms"`
}

// offenderView is a key that a gateway refuses.
type offenderView struct {
	report.Offender

	Gateway string `json:"gateway"`
}

// listLimits answers GET /v1/limits, which is for those who see all bots: keys are of all of them.
func (a *API) listLimits(w *response, r *http.Request, c caller) error {
	if c.bot != "" {
		return otherBot
	}
	var key string
	if err := (parameters{"key": plain(&key)}).read(r); err != nil {
		return err
	}
	if len(key) > maxLimitKey {
		return problem.Malformed.WithDetail("The parameter key has at most %d bytes.", maxLimitKey)
	}
	all, err := a.cfg.Refusals.Limits(r.Context())
	if err != nil {
		return err
	}
	view, zones := limitsView{Zones: []zoneView{}, Offenders: []offenderView{}}, map[string]zoneView{}
	for _, of := range all {
		for _, z := range of.Zones {
			known := zones[z.Name]
			if known.Gateways++; known.At.Before(of.At) {
				known.Zone, known.At = z, of.At
			}
			zones[z.Name] = known
		}
		for _, o := range of.Offenders {
			if time.Since(o.Last) <= offends {
				view.Offenders = append(view.Offenders, offenderView{o, of.Gateway})
			}
		}
	}
	for _, z := range zones {
		view.Zones = append(view.Zones, z)
	}
	a.addAllowances(r.Context(), key, view.Zones)
	slices.SortFunc(view.Zones, func(a, b zoneView) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortStableFunc(view.Offenders, func(a, b offenderView) int { return cmp.Compare(b.Refused, a.Refused) })
	view.Offenders = view.Offenders[:min(len(view.Offenders), maxOffenders)]
	return w.send(http.StatusOK, view)
}

// addAllowances says what a key may take of each zone with a rate, where that can be found out.
func (a *API) addAllowances(ctx context.Context, key string, zones []zoneView) {
	if key == "" || a.cfg.Limits == nil {
		return
	}
	names := make([]string, len(zones))
	for i, z := range zones {
		names[i] = z.Name
	}
	spent, err := a.cfg.Limits.SpentLimits(ctx, key, names...)
	if err != nil { // The limits are known all the same.
		a.cfg.Logger.DebugContext(ctx, "allowances are not known", "error", err)
		return
	}
	for i := range zones {
		if z := &zones[i]; z.Interval > 0 && len(z.Plans) == 0 { // A token says who has which plan.
			left := z.Burst - int(math.Ceil(spent[i].Seconds()/z.Interval))
			z.Allowance = &allowanceView{Remaining: max(0, left), WholeIn: spent[i].Milliseconds()}
		}
	}
}

// resetLimit answers POST /v1/limits/reset.
func (a *API) resetLimit(w *response, r *http.Request, c caller) error {
	if c.bot != "" {
		return otherBot
	}
	var zone, key string
	if err := (parameters{"zone": text(&zone), "key": plain(&key)}).read(r); err != nil {
		return err
	}
	switch {
	case zone == "" || len(key) > maxLimitKey:
		return problem.Malformed.WithDetail("The parameters are the zone, and the key in it, of at most %d bytes.", maxLimitKey)
	case a.cfg.Limits == nil:
		return noReset
	}
	if err := a.cfg.Limits.ResetLimit(r.Context(), zone, key); err != nil {
		a.cfg.Logger.WarnContext(r.Context(), "a limit can't be reset at all gateways", "zone", zone, "error", err)
		return unavailable
	}
	w.begin(http.StatusNoContent, "", notKept)
	return nil
}
