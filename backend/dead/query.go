// Package dead has what the command line and the API share about dead letters: the filters of a query, the JSON
// document of a dead letter, and replaying or dropping all that match.
package dead

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/botgate/botgate/internal/duration"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// Parameters returns the names that [Set] knows.
func Parameters() []string {
	return []string{"bot", "type", "user", "reason", "since", "until", "limit", "cursor"}
}

// ErrUnknownParameter means that [Set] has no parameter of the name.
var ErrUnknownParameter = errors.New("unknown parameter")

// Set sets a parameter of a query by its name. An empty value changes nothing. Times are in RFC 3339, or a duration
// like 24h before now. The error begins with the name and may be shown to the caller.
func Set(q *queue.DeadQuery, name, value string, now time.Time) (err error) {
	if len(value) > event.MaxAttribute || !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
		return fmt.Errorf("%s must be text of at most %d bytes", name, event.MaxAttribute)
	}
	text := map[string]*string{"bot": &q.Bot, "type": &q.Type, "user": &q.Subject, "reason": &q.Reason, "cursor": &q.After}[name]
	at := map[string]*time.Time{"since": &q.Since, "until": &q.Until}[name]
	switch {
	case text == nil && at == nil && name != "limit":
		return ErrUnknownParameter
	case value == "":
	case text != nil:
		*text = value
	case at != nil:
		if *at, err = duration.ParseTime(value, now); err != nil {
			return fmt.Errorf("%s must be a time like 2026-03-01T12:00:00Z, or a duration like 24h before now", name)
		}
	default:
		q.Limit, err = strconv.Atoi(value)
		if err != nil || q.Limit < 1 || q.Limit > queue.MaxDeadPage {
			return fmt.Errorf("limit must be a number from 1 to %d", queue.MaxDeadPage)
		}
	}
	return nil
}

// Everything reports whether a filter matches every dead letter.
func Everything(f queue.DeadFilter) bool { return f == queue.DeadFilter{} }
