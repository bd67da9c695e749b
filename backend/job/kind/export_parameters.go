package kind

import (
	"encoding/json"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// ndjson is the only format: a JSON object in each line.
const ndjson = "ndjson"

type exportParameters struct {
	Filter exportFilter `json:"filter"`
	Format string       `json:"format"`
}

type exportFilter struct {
	filter
	Status event.Status `json:"status,omitempty"`
}

// Prepare implements [job.Kind].
func (k *Export) Prepare(given []byte, bot string) ([]byte, error) {
	p := exportParameters{Format: ndjson}
	if err := decode(given, &p, "An export has the members filter, with bot, user, type, status, from and to, and format."); err != nil {
		return nil, err
	}
	if err := p.check(bot); err != nil {
		return nil, err
	}
	return json.Marshal(p)
}

func (p *exportParameters) check(bot string) error {
	f := &p.Filter
	if err := narrow(&f.Bot, bot, &f.User); err != nil {
		return err
	}
	for _, value := range []string{f.Bot, f.Type} {
		if !event.ValidText(value) {
			return job.BadParameter("The members bot and type must be text as events have it.")
		}
	}
	if err := checkYears(f.filter, 1, 9998); err != nil {
		return err
	}
	switch {
	case p.Format != ndjson:
		return job.BadParameter("The member format must be %s.", ndjson)
	case f.Status != "" && store.Code(f.Status) == 0:
		return job.BadParameter("The member status must be accepted, deferred, delivered, failed, dead, dropped, expired or replayed.")
	case !f.To.IsZero() && !f.From.Before(f.To.Time):
		return job.BadParameter("The member from must be before to.")
	}
	return nil
}
