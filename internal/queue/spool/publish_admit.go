package spool

import (
	"fmt"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// admit says why the spool takes no events, or not these. The caller has the lock.
func (s *Spool) admit(options Options, events []*event.Event) error {
	for _, e := range events {
		if len(e.Data) > s.cfg.MaxEvent {
			return fmt.Errorf("%w: event %s has %d bytes, the limit is %d", queue.ErrTooLarge, e.ID, len(e.Data), s.cfg.MaxEvent)
		}
	}
	if options.Reject {
		return fmt.Errorf("%w: earlier events of the order key wait in the spool", queue.ErrUnavailable)
	}
	if s.index.bytes+max(weightOf(events), eventOverhead) > options.MaxBytes {
		return fmt.Errorf("%w: the spool is full (option %s, max_size)", queue.ErrUnavailable, s.cfg.Option)
	}
	if tooOld(s.index.record.oldest(), options) {
		return fmt.Errorf("%w: the spool holds events older than %s (option %s, max_age)",
			queue.ErrUnavailable, options.MaxAge, s.cfg.Option)
	}
	for bot, n := range weightsOf(events) {
		if err := s.admitBot(options, bot, n); err != nil {
			return err
		}
	}
	return nil
}

// admitBot says why the spool takes no events of a bot with this weight. The caller has the lock.
func (s *Spool) admitBot(options Options, bot string, more int64) error {
	of := s.index.bots[bot]
	switch {
	case of == nil:
		return nil
	case !options.oneBot() && of.bytes+more > options.MaxBytes-s.index.bytes:
		return fmt.Errorf("%w: bot %s has its share of the spool: as much as it leaves free (option %s, max_size)",
			queue.ErrUnavailable, bot, s.cfg.Option)
	case tooOld(of.dispatch.oldest(), options):
		return fmt.Errorf("%w: the spool holds events of bot %s older than %s (option %s, max_age)",
			queue.ErrUnavailable, bot, options.MaxAge, s.cfg.Option)
	}
	return nil
}

func tooOld(oldest time.Time, options Options) bool {
	return !oldest.IsZero() && time.Since(oldest) > options.MaxAge
}

// weightsOf are the weights of events by bot.
func weightsOf(events []*event.Event) map[string]int64 {
	weights := map[string]int64{}
	for _, e := range events {
		weights[e.Bot] += weight(e, int64(len(e.Data)))
	}
	return weights
}
