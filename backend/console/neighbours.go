package console

import (
	"net/url"
	"slices"
	"strconv"
	"time"
)

const (
	// nearby is how many events are looked through for a neighbour: more than are accepted in a microsecond.
	nearby = 10
	// behindShown is up to how many events behind one are counted.
	behindShown = 50
)

// underWay are the statuses of events that something is still to happen to.
const underWay = "accepted,deferred,released,failed,replayed"

// neighbour is the address of the event of the same bot that was accepted next; before it, if it is the older one. There
// may be none, or none that can be had now.
func (v *visit) neighbour(e detailed, older bool) string {
	q := url.Values{"bot": {e.Bot}, "limit": {strconv.Itoa(nearby)}, "fields": {"id"}}
	if older {
		// A time of the API is cut to a microsecond.
		q.Set("to", e.Time.Add(time.Microsecond).Format(time.RFC3339Nano))
	} else {
		q.Set("from", e.Time.Format(time.RFC3339Nano))
		q.Set("order", "oldest")
	}
	found, _ := v.askEvents(q)
	at := slices.IndexFunc(found, func(one listed) bool { return one.ID == e.ID })
	if at < 0 || at+1 >= len(found) {
		return ""
	}
	return eventsPath + "/" + found[at+1].ID
}

// behind says how many events wait until this one is done, since they have its order key.
func (v *visit) behind(e detailed) (many string, address string) {
	if e.final() || e.OrderKey == "" {
		return "", ""
	}
	q := url.Values{"bot": {e.Bot}, "order_key": {e.OrderKey}, "status": {underWay}, "from": {e.Time.Format(time.RFC3339Nano)}}
	address = eventsPath + "?" + q.Encode()
	q.Set("order", "oldest")
	q.Set("limit", strconv.Itoa(behindShown+1))
	q.Set("fields", "id")
	found, err := v.askEvents(q)
	n := len(slices.DeleteFunc(found, func(one listed) bool { return one.ID == e.ID }))
	switch {
	case err != nil || n == 0:
		return "", ""
	case n >= behindShown:
		return number(behindShown) + " events or more", address
	}
	return count(n, "event", "events"), address
}

// askEvents lists events.
func (v *visit) askEvents(q url.Values) ([]listed, error) {
	var answer struct {
		Events []listed `json:"events"`
	}
	err := v.ask(get("/v1/events", q), &answer)
	return answer.Events, err
}
