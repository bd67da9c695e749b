package pull

import (
	"slices"
	"time"

	"github.com/botgate/botgate/internal/queue"
)

// progressStep is the least progress that is told, so that an attempt has 20 at most.
const progressStep = 5

// Offer is a delivery that stands in the line of its bot, or is lent.
type Offer struct {
	ledger   *Ledger
	line     *line
	delivery *queue.Delivery
	may      func() bool
	lent     chan struct{}
	ended    chan Settlement
	progress chan int
	done     chan struct{}

	// The rest belongs to the lock of the ledger.
	receipt  string
	lease    time.Duration
	until    time.Time
	timer    *time.Timer
	settling bool
	percent  int    // What progress had last.
	status   Status // Once done is closed.
}

// Offer puts a delivery into the line of its bot: at its head, if it was lent before. It is lent only while may says so.
// Done must follow.
func (l *Ledger) Offer(d *queue.Delivery, again bool, may func() bool) *Offer {
	l.mu.Lock()
	defer l.mu.Unlock()
	bot := d.Event.Bot
	if l.lines[bot] == nil {
		l.lines[bot] = newLine(time.Now())
		l.lines[bot].gone = true // Until SetBots knows it.
	}
	o := &Offer{
		ledger: l, line: l.lines[bot], delivery: d, may: may,
		lent: make(chan struct{}), ended: make(chan Settlement, 1), progress: make(chan int, 1), done: make(chan struct{}), status: Lost,
	}
	o.line.stand(o, again)
	o.line.wake()
	return o
}

// Lent is closed once a poller has it.
func (o *Offer) Lent() <-chan struct{} { return o.lent }

// Ended has how the lease ended, once: as the poller says, or in [Silence]. No other poller gets the event before Done.
func (o *Offer) Ended() <-chan Settlement { return o.ended }

// Progress has how far the poller is, in percent: more each time, and by [progressStep] at least but for the last step.
func (o *Offer) Progress() <-chan int { return o.progress }

// note has Progress hear of it; of what it has not heard yet the last only. The lock is held.
func (o *Offer) note(percent int) {
	if percent <= o.percent || percent < o.percent+progressStep && percent < 100 {
		return
	}
	o.percent = percent
	select {
	case <-o.progress:
	default:
	}
	o.progress <- percent
}

// Withdraw takes it out of the line. It returns false when it is lent, or was.
func (o *Offer) Withdraw() bool {
	o.ledger.mu.Lock()
	defer o.ledger.mu.Unlock()
	at := slices.Index(o.line.waiting, o)
	if at < 0 {
		return false
	}
	o.line.waiting = slices.Delete(o.line.waiting, at, at+1)
	return true
}

// Done ends it, with what became of the settlement; a lease that goes on is lost. Only the first call counts.
func (o *Offer) Done(status Status) {
	o.Withdraw()
	l := o.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-o.done:
		return
	default:
	}
	if o.status = status; o.receipt != "" {
		o.timer.Stop()
		o.line.end(o)
		if status == OK && o.settling {
			o.line.remember(o.receipt)
		}
	}
	close(o.done)
	o.line.wake()
}

// isLent reports whether the receipt still holds. The lock is held.
func (o *Offer) isLent() bool { return o.line.lent[o.receipt] == o }

func (o *Offer) key() string { return o.delivery.Event.OrderKey }

func (o *Offer) size() int { return len(o.delivery.Event.Data) }
