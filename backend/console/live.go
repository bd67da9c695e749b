package console

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	livePath   = Path + "/live"
	streamPath = Path + "/stream"
)

// livePage is what happens, as it happens.
type livePage struct {
	Filter map[string]string
	Chips  []chip
	// Stream is where scripts follow it.
	Stream string
	// Marks are how the statuses look.
	Marks []mark
}

// What pages follow, as in addresses.
const (
	ofEvents   = "events"
	ofJobs     = "jobs"
	ofRefusals = "refusals"
)

// streamFilters are those of the API's stream of events.
var streamFilters = []string{"bot", "user", "type"}

// streams are those of the API, with the filters of each.
var streams = map[string]struct {
	path    string
	filters []string
}{
	ofEvents:   {"/v1/events/stream", streamFilters},
	ofJobs:     {"/v1/jobs/stream", []string{"id"}},
	ofRefusals: {"/v1/refusals/stream", refusedFilters},
}

// streamOf is the address of the stream about what a list shows.
func streamOf(what string, f filter) string {
	q := url.Values{"of": {what}}
	for _, name := range streams[what].filters {
		q.Set(name, f.get(name))
	}
	return get(streamPath, q).url()
}

// showLive shows the page on which scripts add what happens.
func (c *Console) showLive(v *visit) error {
	f, err := v.readFilter(livePath, streamFilters...)
	if err != nil {
		return err
	}
	v.curl = v.asCurl(get("/v1/events/stream", f.query(allTime)))
	page := livePage{Filter: map[string]string{}, Chips: f.chips(), Stream: streamOf(ofEvents, f)}
	for _, name := range streamFilters {
		page.Filter[name] = f.get(name)
	}
	for _, status := range slices.Concat(asides, allStatuses) {
		page.Marks = append(page.Marks, markOf(status))
	}
	return v.render("live", "Live", page)
}

// stream passes on a stream of the API. The parameter last says behind which event it goes on, since a page that follows
// again can't send the header.
func (c *Console) stream(v *visit) error {
	of, known := streams[v.r.URL.Query().Get("of")]
	if !known {
		return &trouble{
			Status: http.StatusNotFound, Title: "There is no such stream",
			Detail: "There are those of " + strings.Join(slices.Sorted(maps.Keys(streams)), ", ") + ".", Again: Path + "/",
		}
	}
	f, err := v.readFilter(streamPath, append([]string{"of", "last"}, of.filters...)...)
	if err != nil {
		return err
	}
	q := f.query(allTime)
	q.Del("of")
	q.Del("last")
	if last := f.get("last"); last != "" && v.r.Header.Get("Last-Event-ID") == "" {
		v.r.Header.Set("Last-Event-ID", last)
	}
	return v.pass(get(of.path, q))
}
