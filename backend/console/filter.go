package console

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/botgate/botgate/internal/duration"
)

// allTime is the window without a beginning, which the API knows by the lack of one.
const allTime = "all"

// filter is what the address of a list asks for. Nothing of it is kept anywhere else, so that a link shows what its
// sender saw.
type filter struct {
	path   string
	values url.Values
}

// readFilter refuses what the list does not know: a filter that is misspelt and ignored would show more than was asked
// for.
func (v *visit) readFilter(path string, known ...string) (filter, error) {
	values := v.r.URL.Query()
	for name := range values {
		if !slices.Contains(known, name) && name != "tz" {
			return filter{}, &trouble{
				Status: http.StatusBadRequest, Title: "There is no such filter",
				Detail: "The address asks for \"" + visible(name) + "\"; the filters here are " + strings.Join(known, ", ") + ".",
				Again:  path,
			}
		}
	}
	// Checkboxes of a form send a name several times; a form sends what is empty, too.
	for name, given := range values {
		given = slices.DeleteFunc(given, func(s string) bool { return s == "" })
		if values[name] = []string{strings.Join(given, ",")}; len(given) == 0 {
			delete(values, name)
		}
	}
	return filter{path, values}, nil
}

func (f filter) get(name string) string { return f.values.Get(name) }

// with is the address, as one of the same page, with other values, pairs of name and value; an empty value takes the
// name out. It is the first page.
func (f filter) with(pairs ...string) string {
	values := maps.Clone(f.values)
	values.Del("cursor")
	values.Del("newer")
	for ; len(pairs) > 1; pairs = pairs[2:] {
		values.Del(pairs[0])
		if pairs[1] != "" {
			values.Set(pairs[0], pairs[1])
		}
	}
	if len(values) == 0 {
		return f.path
	}
	return "?" + values.Encode()
}

// query is what the API is asked for, with a window where the address has none.
func (f filter) query(window string) url.Values {
	q := maps.Clone(f.values)
	q.Del("tz")
	if !q.Has("from") && !q.Has("since") {
		q.Set(f.begin(), window)
	}
	if q.Get(f.begin()) == allTime {
		q.Del(f.begin())
	}
	return q
}

// begin is the API's name for the beginning of the list's window.
func (f filter) begin() string {
	if strings.HasPrefix(f.path, Path+"/dead") {
		return "since"
	}
	return "from"
}

// end is the API's name for the end of it.
func (f filter) end() string {
	if f.begin() == "since" {
		return "until"
	}
	return "to"
}

// chip is a filter that is on, with an address without it.
type chip struct{ Name, Value, Without string }

func (f filter) chips() []chip {
	var chips []chip
	for _, name := range slices.Sorted(maps.Keys(f.values)) {
		if name == "cursor" || name == "newer" || name == "tz" || name == f.begin() {
			continue
		}
		value := strings.ReplaceAll(f.get(name), ",", ", ")
		chips = append(chips, chip{name, visible(value), f.with(name, "")})
	}
	return chips
}

// choice is one of several addresses of which one is this page's.
type choice struct {
	Name, Address string
	On            bool
}

// windows are the lengths to choose from.
var windows = []struct{ value, name string }{
	{"15m", "15 min"}, {"1h", "1 h"}, {"24h", "24 h"}, {"7d", "7 d"}, {"30d", "30 d"}, {allTime, "all time"},
}

// windowChoices are links to other windows, and the name of the one that is on. The last one is the same window in an
// address that goes on showing it.
func (f filter) windowChoices(standard string, now time.Time) (choices []choice, on string) {
	current := f.get(f.begin())
	if current == "" {
		current = standard
	}
	on = "since " + visible(current)
	fixed := choice{"fixed", f.with(), f.get(f.end()) != ""}
	for _, w := range windows {
		value := w.value
		if value == standard {
			value = ""
		}
		c := choice{w.name, f.with(f.begin(), value, "to", "", "until", ""), w.value == current && !fixed.On}
		if c.On {
			on = "the last " + w.name
			if w.value == allTime {
				on = "all time"
			}
		}
		choices = append(choices, c)
	}
	from, err := duration.ParseTime(current, now)
	if err != nil { // All of the time has no beginning.
		return choices, on
	}
	if !fixed.On {
		fixed.Address = f.with(f.begin(), from.UTC().Format(time.RFC3339), f.end(), now.UTC().Format(time.RFC3339))
	}
	return append(choices, fixed), on
}
