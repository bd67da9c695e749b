package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/internal/rfc3339"
)

const (
	// defaultLimit is the page size when the request has none.
	defaultLimit = 50

	cursorForm = "must be a cursor of an earlier answer"
)

// parameters are those that a query may have, by their names. The error of a setter begins with the name.
type parameters map[string]func(name, value string) error

// read reads the query of a request. Empty values count as not given. Unknown parameters are rejected: a filter that is
// misspelt and ignored would show more than was asked for.
func (p parameters) read(r *http.Request) error {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return problem.Malformed.WithDetail("The query can't be read.")
	}
	for name, given := range values {
		set, known := p[name]
		switch {
		case !known && len(p) == 0:
			return problem.Malformed.WithDetail("There are no parameters here.")
		case !known:
			return problem.Malformed.WithDetail("The parameters are %s.", strings.Join(p.names(), ", "))
		case len(given) != 1:
			return problem.Malformed.WithDetail("Each parameter may be given once.")
		case given[0] == "":
			continue
		}
		if err := set(name, given[0]); err != nil {
			return problem.Malformed.WithDetail("The parameter %s.", err)
		}
	}
	return nil
}

func (p parameters) names() []string {
	names := make([]string, 0, len(p))
	for name := range p {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// text reads what is compared with attributes of events.
func text(field *string) func(name, value string) error {
	return func(name, value string) error {
		if *field = value; !event.ValidText(value) {
			return fmt.Errorf("%s must be text as events have it", name)
		}
		return nil
	}
}

// name reads a user, by the name as it was given or as events have it.
func name(field *string) func(name, value string) error {
	return func(name, value string) error {
		if *field = event.NameOf(value); !utf8.ValidString(value) {
			return fmt.Errorf("%s must be text", name)
		}
		return nil
	}
}

// timestamp reads a time, as precisely as events have one.
func timestamp(field *time.Time) func(name, value string) error {
	return func(name, value string) error {
		at, err := rfc3339.Parse(value)
		if err != nil || !store.ValidTime(at) {
			return fmt.Errorf("%s must be a time like 2026-03-01T12:00:00Z, with %%2B for a plus sign", name)
		}
		*field = store.Micros(at)
		return nil
	}
}

func span(field *time.Duration, longest time.Duration) func(name, value string) error {
	return func(name, value string) (err error) {
		if *field, err = time.ParseDuration(value); err != nil || *field <= 0 || *field > longest {
			return fmt.Errorf("%s must be a duration like 10s, at most %s", name, longest)
		}
		return nil
	}
}

func oneOf[T ~string](field *T, known ...T) func(name, value string) error {
	return func(name, value string) error {
		if *field = T(value); !slices.Contains(known, *field) {
			return fmt.Errorf("%s must be one of %v", name, known)
		}
		return nil
	}
}

// someOf reads one or more, with commas between; each counts once.
func someOf[T ~string](field *[]T, known ...T) func(name, value string) error {
	return func(name, value string) error {
		for one := range strings.SplitSeq(value, ",") {
			if !slices.Contains(known, T(one)) {
				return fmt.Errorf("%s must be some of %v, with commas between", name, known)
			}
			if !slices.Contains(*field, T(one)) {
				*field = append(*field, T(one))
			}
		}
		return nil
	}
}

// plain reads what is looked at later.
func plain(field *string) func(name, value string) error {
	return func(_, value string) error {
		*field = value
		return nil
	}
}

func limit(field *int, largest int) func(name, value string) error {
	return func(name, value string) (err error) {
		if *field, err = strconv.Atoi(value); err != nil || *field < 1 || *field > largest {
			return fmt.Errorf("%s must be a number from 1 to %d", name, largest)
		}
		return nil
	}
}

func cursor(field *store.Position) func(name, value string) error {
	return func(name, value string) (err error) {
		position, ok := store.ParseCursor(value)
		if *field = position; !ok {
			return fmt.Errorf("%s %s", name, cursorForm)
		}
		return nil
	}
}
