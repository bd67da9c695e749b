package console

import "net/url"

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

// streamFilters are those of the API's stream.
var streamFilters = []string{"bot", "user", "type"}

// streamOf is the address of the stream about what a list shows.
func streamOf(f filter) string {
	q := url.Values{}
	for _, name := range streamFilters {
		if value := f.get(name); value != "" {
			q.Set(name, value)
		}
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
	page := livePage{Filter: map[string]string{}, Chips: f.chips(), Stream: streamOf(f)}
	for _, name := range streamFilters {
		page.Filter[name] = f.get(name)
	}
	for _, status := range append([]string{"repeated", "progress", "answered"}, allStatuses...) {
		page.Marks = append(page.Marks, markOf(status))
	}
	return v.render("live", "Live", page)
}

// stream passes on the API's stream. The parameter last says behind which event it goes on, since a page that follows
// again can't send the header.
func (c *Console) stream(v *visit) error {
	f, err := v.readFilter(streamPath, append([]string{"last"}, streamFilters...)...)
	if err != nil {
		return err
	}
	q := f.query(allTime)
	q.Del("last")
	if last := f.get("last"); last != "" && v.r.Header.Get("Last-Event-ID") == "" {
		v.r.Header.Set("Last-Event-ID", last)
	}
	return v.pass(get("/v1/events/stream", q))
}
