// Package kind has the kinds of jobs: exports, rebuilds and replays.
package kind

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/blob"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/rfc3339"
)

// filter chooses events. Empty fields do not filter.
type filter struct {
	Bot  string `json:"bot,omitempty"`
	User string `json:"user,omitempty"`
	Type string `json:"type,omitempty"`
	// From is included, To is not; without To it is the time of the request.
	From rfc3339.Time `json:"from,omitzero"`
	To   rfc3339.Time `json:"to,omitzero"`
}

// narrow has a filter choose events of the bot that the caller may have, if that is only one, and of the
// user by the name that events have.
func narrow(bot *string, only string, user *string) error {
	if only != "" && *bot != "" && *bot != only {
		return job.ErrForbidden
	}
	*bot, *user = cmp.Or(only, *bot), event.NameOf(*user)
	return nil
}

// decode reads a JSON object strictly: another value, unknown members and what follows the
// object are the error that help describes.
func decode(given []byte, into any, help string) error {
	decoder := json.NewDecoder(bytes.NewReader(given))
	decoder.DisallowUnknownFields()
	if decoder.Decode(into) != nil {
		return job.BadParameter("%s", help)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return job.BadParameter("%s", help)
	}
	return nil
}

// checkYears refuses times that can't be kept.
func checkYears(f filter, first, last int) error {
	for _, at := range []rfc3339.Time{f.From, f.To} {
		if !at.IsZero() && (at.Year() < first || at.Year() > last) {
			return job.BadParameter("The members from and to must be times like 2026-03-01T12:00:00Z.")
		}
	}
	return nil
}

// temporary marks the errors of stores that may be gone with a retry.
func temporary(err error) error {
	for _, passing := range []error{store.ErrUnavailable, blob.ErrUnavailable, context.DeadlineExceeded} {
		if errors.Is(err, passing) {
			return job.Later(err)
		}
	}
	return err
}
