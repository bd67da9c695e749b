package export

import (
	"bytes"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// ndjson is the one format that there is: a JSON object in each line.
const ndjson = "ndjson"

// parameters are what an export is asked for with.
type parameters struct {
	Filter filter `json:"filter"`
	Format string `json:"format"`
}

// filter chooses events. What is empty does not filter; To is the time of the request then.
type filter struct {
	Bot    string       `json:"bot,omitempty"`
	User   string       `json:"user,omitempty"`
	Type   string       `json:"type,omitempty"`
	Status event.Status `json:"status,omitempty"`
	// From is included, To is not.
	From *time.Time `json:"from,omitempty"`
	To   *time.Time `json:"to,omitempty"`
}

// Prepare implements [job.Kind].
func (k *Kind) Prepare(given []byte, bot string) ([]byte, error) {
	p := parameters{Format: ndjson}
	if err := job.DecodeParameters(given, &p); err != nil {
		return nil, job.BadParameter("An export has the members filter, with bot, user, type, status, from and to, and format.")
	}
	if err := p.check(bot); err != nil {
		return nil, err
	}
	return json.Marshal(p)
}

func (p *parameters) check(bot string) error {
	f := &p.Filter
	if bot != "" && f.Bot != "" && f.Bot != bot {
		return job.ErrForbidden
	}
	if bot != "" {
		f.Bot = bot
	}
	for _, value := range []string{f.Bot, f.User, f.Type} {
		if len(value) > event.MaxAttribute || !utf8.ValidString(value) || bytes.ContainsRune([]byte(value), 0) {
			return job.BadParameter("The members bot, user and type must be text as events have it.")
		}
	}
	for _, at := range []*time.Time{f.From, f.To} {
		if at != nil && (at.Year() < 1 || at.Year() > 9998) {
			return job.BadParameter("The members from and to must be times like 2026-03-01T12:00:00Z.")
		}
	}
	switch {
	case p.Format != ndjson:
		return job.BadParameter("The member format must be %s.", ndjson)
	case f.Status != "" && store.Code(f.Status) == 0:
		return job.BadParameter("The member status must be accepted, deferred, delivered, failed, dead, expired or replayed.")
	case f.From != nil && f.To != nil && !f.From.Before(*f.To):
		return job.BadParameter("The member from must be before to.")
	}
	return nil
}
