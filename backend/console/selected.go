package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/botgate/botgate/backend/deadletter"
)

// maxSelected is how many rows can be replayed by their ids: those of a few pages.
const maxSelected = 200

// readIDs reads the ids of a selection.
func (p *plan) readIDs(list string) error {
	p.ids = strings.Split(list, ",")
	if len(p.ids) > maxSelected {
		return &trouble{Status: http.StatusBadRequest, Title: "These are too many to select", Todo: "A filter has no such bound.", Again: deadPath}
	}
	for _, id := range p.ids {
		if !eventID.MatchString(id) {
			return &trouble{Status: http.StatusNotFound, Title: "There is no such dead letter", Detail: visible(id) + " is no id of an event.", Again: deadPath}
		}
	}
	return nil
}

// previewSelected counts what of a selection is dead; the rest stays as it is.
func (v *visit) previewSelected(p plan, page *movePage) error {
	byBot := map[string]int{}
	var ids []string
	for _, id := range p.ids {
		var d deadLetter
		err := v.ask(get("/v1/dead/"+id, nil), &d)
		if t := (*trouble)(nil); errors.As(err, &t) && t.Status == http.StatusNotFound {
			continue
		}
		if err != nil {
			return err
		}
		ids = append(ids, id)
		byBot[d.Bot]++
	}
	page.Count, page.What, page.None = len(ids), count(len(ids), "dead letter", "dead letters"), len(ids) == 0
	page.Hidden = []fact{{Name: "ids", Value: strings.Join(ids, ",")}}
	page.Facts = []fact{{"Selected", count(len(p.ids), "event", "events"), ""}}
	if rest := len(p.ids) - len(ids); rest > 0 {
		page.Facts = append(page.Facts, fact{"Left out", count(rest, "is no dead letter", "are no dead letters") + " (any more)", ""})
	}
	for _, bot := range slices.Sorted(maps.Keys(byBot)) {
		page.bots = append(page.bots, bot)
		page.Facts = append(page.Facts, fact{"Bot", visible(bot) + ": " + number(int64(byBot[bot])), botsPath + "/" + bot})
	}
	return nil
}

// selectedCall is the job for a selection.
func (p plan) selectedCall() (call, error) {
	kind := deadletter.ReplayJob
	if p.verb == verbDrop {
		kind = deadletter.DropJob
	}
	body := map[string]any{"kind": kind, "ids": p.ids}
	if rate := p.query.Get("rate"); rate != "" {
		n, err := strconv.Atoi(rate)
		if err != nil {
			return call{}, &trouble{Status: http.StatusBadRequest, Title: "The rate is no number", Detail: "Nothing was changed.", Again: deadPath}
		}
		body["rate"] = n
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		return call{}, fmt.Errorf("asking for a job: %w", err)
	}
	return call{method: http.MethodPost, path: "/v1/jobs", body: encoded}, nil
}
