package pull

import (
	"context"
	"time"
)

// Settle implements [Owner]. A status of a settlement is known once the queue took it, or did not within some seconds.
func (l *Ledger) Settle(ctx context.Context, bot string, settlements []Settlement) ([]Status, error) {
	statuses, pending := make([]Status, len(settlements)), make([]*Offer, len(settlements))
	l.mu.Lock()
	for n, s := range settlements {
		statuses[n], pending[n] = l.settle(bot, s)
	}
	l.mu.Unlock()
	over := time.NewTimer(settleWait)
	defer over.Stop()
	for n, o := range pending {
		if o == nil {
			continue
		}
		select {
		case <-o.done:
			statuses[n] = o.status
		case <-over.C:
			over.Reset(0) // So are the others.
		case <-ctx.Done():
		}
	}
	return statuses, nil
}

// settle has a lease end, and returns the offer whose end is to be waited for; nil where the status is known. The lock
// is held.
func (l *Ledger) settle(bot string, s Settlement) (Status, *Offer) {
	line := l.lines[bot]
	if line == nil {
		return Lost, nil
	}
	o := line.lent[s.Receipt]
	switch {
	case o == nil && line.settled[s.Receipt] && s.Outcome != Extend:
		return OK, nil
	case o == nil, !o.settling && !time.Now().Before(o.until): // A process that stood still ends leases late.
		return Lost, nil
	case s.Outcome == Extend && o.settling:
		return Lost, nil
	case s.Outcome == Extend:
		o.timer.Stop()
		lease := o.lease
		if s.Lease > 0 {
			lease = s.Lease
		}
		l.begin(o, lease)
		o.note(s.Progress)
		return OK, nil
	case !o.settling:
		o.settling = true
		o.timer.Stop()
		o.ended <- s
	}
	return Unavailable, o
}
