package pull

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"sync"
	"time"
)

const (
	// settleWait is how long a settlement waits for the queue to take it.
	settleWait = 10 * time.Second
	// remembered is how many receipts of each bot are known to be settled, for those who ask twice.
	remembered = 1000
)

var _ Owner = (*Ledger)(nil)

// Ledger has the events of bots that pull in one process: what waits for a poller, and what was lent to one. It may be
// used concurrently. Its methods Await, Lease and Settle are those of [Owner].
type Ledger struct {
	process string

	mu     sync.Mutex
	lines  map[string]*line // Of the bots that pull.
	pushed map[string]bool  // The other bots.
}

// NewLedger returns a ledger that knows no bots.
func NewLedger() *Ledger {
	id := make([]byte, 8)
	_, _ = rand.Read(id) // It never fails.
	return &Ledger{process: hex.EncodeToString(id), lines: map[string]*line{}, pushed: map[string]bool{}}
}

// Process identifies the ledger: what [ProcessOf] finds in its receipts.
func (l *Ledger) Process() string { return l.process }

// ProcessOf is the process that made a receipt; empty for what is none.
func ProcessOf(receipt string) string {
	process, _, ok := strings.Cut(receipt, ".")
	if !ok {
		return ""
	}
	return process
}

// receipt is a new one, which nobody can guess.
func (l *Ledger) receipt() string {
	secret := make([]byte, 16)
	_, _ = rand.Read(secret) // It never fails.
	return l.process + "." + base64.RawURLEncoding.EncodeToString(secret)
}

// SetBots says which bots there are, and whether each pulls. What is lent stays so until it is settled.
func (l *Ledger) SetBots(pulls map[string]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pushed = map[string]bool{}
	for bot, pull := range pulls {
		if !pull {
			l.pushed[bot] = true
		} else if l.lines[bot] == nil {
			l.lines[bot] = newLine(time.Now())
		}
	}
	for bot, line := range l.lines {
		if line.gone = !pulls[bot]; line.gone && line.isEmpty() {
			delete(l.lines, bot)
		}
		line.wake()
	}
}

// line returns that of a bot that pulls. The lock is held.
func (l *Ledger) line(bot string) (*line, error) {
	switch found := l.lines[bot]; {
	case found != nil && !found.gone:
		return found, nil
	case l.pushed[bot]:
		return nil, ErrPushed
	}
	return nil, ErrUnknownBot
}

// Await implements [Owner].
func (l *Ledger) Await(ctx context.Context, bot string, types Types) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		line, err := l.line(bot)
		if err != nil {
			return err
		}
		line.polled = time.Now()
		if line.next(types, 0) >= 0 {
			return nil
		}
		changed := line.changed
		line.pollers++
		l.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		l.mu.Lock()
		line.pollers--
		line.polled = time.Now()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// Lease implements [Owner].
func (l *Ledger) Lease(_ context.Context, bot string, ask Ask) ([]json.RawMessage, error) {
	offers, err := l.lend(bot, ask)
	if err != nil {
		return nil, err
	}
	views := make([]json.RawMessage, 0, len(offers))
	for _, o := range offers {
		v, err := view(o.receipt, o.delivery, o.until)
		if err != nil {
			return nil, err // There are no such events; the leases end in silence.
		}
		views = append(views, v)
	}
	return views, nil
}

func (l *Ledger) lend(bot string, ask Ask) (offers []*Offer, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line, err := l.line(bot)
	if err != nil {
		return nil, err
	}
	line.polled = time.Now()
	for bytes, from := 0, 0; len(offers) < ask.Max; {
		at := line.next(ask.Types, from)
		if at < 0 || len(offers) > 0 && bytes+line.waiting[at].size() > maxAnswerBytes {
			break
		}
		o := line.lend(at, l.receipt())
		bytes += o.size()
		if !o.delivery.Event.IsBulk() {
			from = at // Nothing before it may be lent.
		}
		l.begin(o, ask.Lease)
		offers = append(offers, o)
		close(o.lent)
	}
	return offers, nil
}

// begin has a lease end by itself. The lock is held.
func (l *Ledger) begin(o *Offer, lease time.Duration) {
	o.lease, o.until = lease, time.Now().Add(lease)
	o.timer = time.AfterFunc(lease, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if o.isLent() && !o.settling && !time.Now().Before(o.until) { // It may have been extended just now.
			o.settling = true
			o.ended <- Settlement{Receipt: o.receipt, Outcome: Silence}
			o.line.forget(o)
		}
	})
}
