package embedded

import (
	"github.com/botgate/botgate/backend/pull"
	"github.com/botgate/botgate/modules/internal/pooled"
)

// ledgers has one for each queue: receipts outlive a reload.
var ledgers = pooled.New[string, ledger]()

type ledger struct{ *pull.Ledger }

// Close implements [io.Closer].
func (ledger) Close() error { return nil }

// holdLedger returns the ledger of a queue, and the function that gives it back.
func holdLedger(queueURL string) (l *pull.Ledger, release func() error, err error) {
	held, err := ledgers.Acquire(queueURL, func() (ledger, error) { return ledger{pull.NewLedger()}, nil })
	return held.Ledger, func() error { return ledgers.Release(queueURL) }, err
}
