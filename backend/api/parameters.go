package api

import (
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// parameters reads a query. An unknown parameter is for set to refuse: a filter that is
// misspelt and ignored would show more than was asked for.
func parameters(raw string, set func(name, value string) error) error {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return malformed.because("The query can't be read.")
	}
	for name, given := range values {
		if len(given) != 1 {
			return malformed.because("Each parameter may be given once.")
		}
		if err := set(name, given[0]); err != nil {
			return err
		}
	}
	return nil
}

// unknownParameter refuses a parameter by naming those that there are.
func unknownParameter(names string) error {
	return malformed.because("The parameters are " + names + ".")
}

func setFilter(field *string, value string) error {
	if !searchable(value, event.MaxAttribute) {
		return malformed.because("The parameters bot, user and type must be text as events have it.")
	}
	*field = value
	return nil
}

// searchable reports whether a value can occur in the store: databases answer what
// can't be text with an error of their own.
func searchable(value string, limit int) bool {
	return len(value) <= limit && utf8.ValidString(value) && !strings.ContainsRune(value, 0)
}

func setTime(field *time.Time, name, value string) error {
	if value == "" {
		return nil
	}
	at, err := time.Parse(time.RFC3339Nano, value)
	if err != nil || !store.ValidTime(at) {
		return malformed.because("The parameter " + name + " must be a time like 2026-03-01T12:00:00Z, with %2B for a plus sign.")
	}
	*field = at.UTC()
	return nil
}
