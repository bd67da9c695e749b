package kind

import (
	"encoding/json"

	"github.com/botgate/botgate/backend/deadletter"
	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

const (
	// MaxDeadIDs bounds the ids of a job on dead letters.
	MaxDeadIDs = 1000
	// defaultDeadRate is how many dead letters are replayed in a second.
	defaultDeadRate = 100
)

// deadParameters choose the dead letters, and say how fast they go.
type deadParameters struct{ deadletter.Move }

// Prepare implements [job.Kind].
func (k Dead) Prepare(given []byte, bot string) ([]byte, error) {
	var p deadParameters
	const help = "The members are one of ids, filter (with bot, type, user, reason, since and until) and all, which is true, and rate."
	if err := decode(given, &p, help); err != nil {
		return nil, err
	}
	if !p.IsChosen() {
		return nil, job.BadParameter(help)
	}
	switch {
	case p.Rate != nil:
	case k.Drop:
		p.Rate = new(0)
	default:
		p.Rate = new(defaultDeadRate)
	}
	if err := p.check(bot); err != nil {
		return nil, err
	}
	return json.Marshal(p)
}

func (p *deadParameters) check(bot string) error {
	f := &p.Filter
	if err := narrow(&f.Bot, bot, &f.User); err != nil {
		return err
	}
	for _, value := range []string{f.Bot, f.Type, f.Reason} {
		if !event.ValidText(value) {
			return job.BadParameter("The members bot, type and reason must be text as events have it.")
		}
	}
	if err := checkYears(filter{From: f.Since, To: f.Until}, 1, 9998); err != nil {
		return job.BadParameter("The members since and until must be times like 2026-03-01T12:00:00Z.")
	}
	if len(p.IDs) > MaxDeadIDs {
		return job.BadParameter("There may be at most %d ids.", MaxDeadIDs)
	}
	for _, id := range p.IDs {
		if !store.ValidID(id) {
			return job.BadParameter("The member ids must have ids of events.")
		}
	}
	if *p.Rate < 0 || *p.Rate > maxRate {
		return job.BadParameter("The member rate must be from 0, for no bound, to %d.", maxRate)
	}
	return nil
}
