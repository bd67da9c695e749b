package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/botgate/botgate/internal/report"
)

// limitsOfAPI are the limits of all gateways, and who was over one of late.
type limitsOfAPI struct {
	Zones []struct {
		report.Zone

		Gateways  int `json:"gateways"`
		Allowance *struct {
			Remaining int64 `json:"remaining"`
		} `json:"allowance"`
	} `json:"zones"`
	// Offenders are each as one gateway saw it.
	Offenders []report.Offender `json:"offenders"`
}

// limitRow is a limit that counts a user.
type limitRow struct {
	Zone, Rate, Above string
	Gateways          string
	Refused, Last     string
	// Left is how many requests the user may make now; empty where that is not known.
	Left string
	// Reset asks whether it is to be reset; empty where nothing is kept that could be.
	Reset string
	// name is the zone's, for calls.
	name string
}

// resetAddress is the page that asks whether a limit of a user is to be reset.
func resetAddress(user string) string { return userAddress(user) + "/reset" }

// askLimits asks for the limits that count a user: those whose key is the user, and those that the user was over.
func (v *visit) askLimits(user string) (rows []limitRow, a call, err error) {
	var answer limitsOfAPI
	a = getShared("/v1/limits", url.Values{"key": {user}})
	if err := v.ask(a, &answer); err != nil {
		return nil, a, err
	}
	for _, z := range answer.Zones {
		var refused int64
		var last time.Time
		for _, o := range answer.Offenders {
			if o.Zone != z.Name || o.Key != user {
				continue
			}
			refused += o.Refused
			if last.Before(o.Last) {
				last = o.Last
			}
		}
		if refused == 0 && z.Key != "{http.auth.user.id}" && z.Key != "{http.bot.user}" {
			continue
		}
		row := limitRowOf(z.Zone, user)
		row.Gateways, row.Refused, row.Last = number(int64(z.Gateways)), number(refused), v.ago(last)
		if z.Allowance != nil {
			row.Left = number(z.Allowance.Remaining)
		}
		rows = append(rows, row)
	}
	return rows, a, nil
}

// limitRowOf says what a limit is.
func limitRowOf(z report.Zone, user string) limitRow {
	row := limitRow{Zone: visible(z.Name), Above: "refused", name: z.Name}
	if z.Defers {
		row.Above = "put off"
	}
	var limits []string
	if z.Rate != "" {
		limits = append(limits, rateText(z.Rate, z.Burst))
	}
	for _, p := range z.Plans {
		limits = append(limits, visible(p.Name)+" "+rateText(p.Rate, p.Burst))
	}
	if len(limits) > 0 {
		row.Reset = resetAddress(user) + "?" + url.Values{"zone": {z.Name}}.Encode()
	}
	if z.MaxInFlight > 0 {
		limits = append(limits, strconv.Itoa(z.MaxInFlight)+" at once")
	}
	row.Rate = strings.Join(limits, "; ")
	return row
}

func rateText(rate string, burst int) string {
	return visible(rate) + ", bursts of " + number(int64(burst))
}

// addLimits adds the limits that count a user.
func (v *visit) addLimits(page *userPage, user string) {
	rows, _, err := v.askLimits(user)
	if err != nil {
		page.NoLimits = v.explain(v.r.Context(), err)
		return
	}
	page.Limits, page.NoReset = rows, v.why(scopeAct)
}

// resetPage asks whether a limit of a user is to be reset.
type resetPage struct {
	User, Zone   string
	Facts        []fact
	Back, Action string
	Why          string
}

// confirmReset shows the limit that would be reset.
func (*Console) confirmReset(v *visit) error {
	user := v.r.PathValue("user")
	f, err := v.readFilter(resetAddress(user), "zone")
	if err != nil {
		return err
	}
	rows, a, err := v.askLimits(user)
	if err != nil {
		return err
	}
	v.curl = v.asCurl(a)
	for _, row := range rows {
		if row.name != f.get("zone") || row.Reset == "" {
			continue
		}
		return v.render("reset", "Reset a limit", resetPage{
			User: visible(user), Zone: row.name, Back: userAddress(user), Action: resetAddress(user), Why: v.why(scopeAct),
			Facts: []fact{{"User", visible(user), userAddress(user)}, {"Zone", row.Zone, ""}, {"Limit", row.Rate, ""}, {"Over it, last 10 min", row.Refused + " times", ""}},
		})
	}
	return &trouble{Status: http.StatusNotFound, Title: "No such limit counts this user", Again: userAddress(user)}
}

// resetLimit gives a user the whole allowance of a limit back.
func (*Console) resetLimit(v *visit) error {
	user := v.r.PathValue("user")
	form, err := v.readForm(userAddress(user))
	if err != nil {
		return err
	}
	if err := v.refuse(scopeAct); err != nil {
		return err
	}
	query := url.Values{"zone": {form.Get("zone")}, "key": {user}}
	if err := v.ask(call{method: http.MethodPost, path: "/v1/limits/reset", query: query}, nil); err != nil {
		return err
	}
	v.redirect(userAddress(user))
	return nil
}
