package console

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/botgate/botgate/internal/duration"
)

const exportPath = eventsPath + "/export"

// exportFilters are those of an export, as the API has them.
var exportFilters = []string{"bot", "user", "type", "status", "from", "to"}

// exportPage asks whether what a list shows is to be written into a file.
type exportPage struct {
	Facts  []fact
	Hidden []fact
	Why    string
	Back   string
	Action string
}

// exportOf leads to the export of what a list shows; an export knows fewer filters.
func (v *visit) exportOf(f filter) action {
	for _, name := range []string{"q", "verified_by", "order_key"} {
		if f.get(name) != "" {
			return action{"", "An export knows no filter " + name + "."}
		}
	}
	if status := f.get("status"); status != "" && markOf(status).Shape == "?" {
		return action{"", "An export is of one status, or of all."}
	}
	q := f.query(standardWindow)
	for _, paging := range []string{"cursor", "newer"} {
		q.Del(paging)
	}
	return action{exportPath + "?" + q.Encode(), v.why(scopeAct)}
}

// confirmExport shows what the file would have.
func (*Console) confirmExport(v *visit) error {
	f, err := v.readFilter(exportPath, exportFilters...)
	if err != nil {
		return err
	}
	page := exportPage{Why: v.why(scopeAct), Action: exportPath, Back: eventsPath + "?" + f.query(allTime).Encode()}
	for _, name := range exportFilters {
		value := f.get(name)
		if value == "" {
			continue
		}
		shown := visible(value)
		if name == "from" || name == "to" {
			at, err := duration.ParseTime(value, v.now)
			if err != nil {
				return badWindow(name, err, eventsPath)
			}
			value, shown = at.UTC().Format(time.RFC3339Nano), v.stamp(at).Full
		}
		page.Facts = append(page.Facts, fact{
			map[string]string{"bot": "Bot", "user": "User", "type": "Type", "status": "Status", "from": "Accepted since", "to": "Accepted before"}[name], shown, "",
		})
		page.Hidden = append(page.Hidden, fact{Name: name, Value: value})
	}
	page.Hidden = append(page.Hidden, fact{Name: "key", Value: rand.Text()})
	return v.render("export", "Export events", page)
}

// export has a job write the file, and shows the job.
func (*Console) export(v *visit) error {
	form, err := v.readForm(eventsPath)
	if err != nil {
		return err
	}
	if err := v.refuse(scopeAct); err != nil {
		return err
	}
	a, err := exportCall(form)
	if err != nil {
		return err
	}
	var made struct {
		ID string `json:"id"`
	}
	if err := v.ask(a, &made); err != nil {
		return err
	}
	v.redirect(jobsPath + "/" + made.ID)
	return nil
}

func exportCall(form url.Values) (call, error) {
	chosen := map[string]string{}
	for _, name := range exportFilters {
		if value := form.Get(name); value != "" {
			chosen[name] = value
		}
	}
	body, err := json.Marshal(map[string]any{"kind": "export", "filter": chosen})
	if err != nil {
		return call{}, fmt.Errorf("asking for an export: %w", err)
	}
	return call{method: http.MethodPost, path: "/v1/jobs", key: form.Get("key"), body: body}, nil
}
