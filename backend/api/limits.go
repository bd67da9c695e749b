package api

import (
	"cmp"
	"context"
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

// ResetLimit gives a key of a zone its full allowance back, at all gateways.
type ResetLimit func(ctx context.Context, zone, key string) error

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
	if err := (parameters{}).read(r); err != nil {
		return err
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
	slices.SortFunc(view.Zones, func(a, b zoneView) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortStableFunc(view.Offenders, func(a, b offenderView) int { return cmp.Compare(b.Refused, a.Refused) })
	view.Offenders = view.Offenders[:min(len(view.Offenders), maxOffenders)]
	return w.send(http.StatusOK, view)
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
	case a.cfg.ResetLimit == nil:
		return noReset
	}
	if err := a.cfg.ResetLimit(r.Context(), zone, key); err != nil {
		a.cfg.Logger.WarnContext(r.Context(), "a limit can't be reset at all gateways", "zone", zone, "error", err)
		return unavailable
	}
	w.begin(http.StatusNoContent, "", notKept)
	return nil
}
