package bottoken

import (
	"context"
	"runtime"
	"time"

	"github.com/caddyserver/caddy/v2"
)

const (
	// queuePerSlot is how many may wait for each comparison under way.
	queuePerSlot = 8
	// patience is how long they wait at most.
	patience = 2 * time.Second
)

// gate bounds how many secrets are compared at once, since each costs a processor some
// 250 ms: half of the processors are left to everything else.
type gate struct {
	slots chan struct{}
	queue chan struct{}
}

func newGate(slots int) *gate {
	return &gate{slots: make(chan struct{}, slots), queue: make(chan struct{}, slots*(1+queuePerSlot))}
}

// enter waits for a turn, which ends with leave. It reports false when that would take too
// long.
func (g *gate) enter(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case g.queue <- struct{}{}:
	default:
		return false
	}
	select {
	case g.slots <- struct{}{}:
		return true
	case <-ctx.Done():
		<-g.queue
		return false
	}
}

func (g *gate) leave() {
	<-g.slots
	<-g.queue
}

// Destruct implements [caddy.Destructor].
func (g *gate) Destruct() error { return nil }

// gates has the one gate of the process, for as long as a handler uses it.
var gates = caddy.NewUsagePool()

const gateKey = "gate"

func acquireGate() (*gate, error) {
	value, _, err := gates.LoadOrNew(gateKey, func() (caddy.Destructor, error) {
		return newGate(max(1, runtime.GOMAXPROCS(0)/2)), nil
	})
	if err != nil {
		return nil, err
	}
	return value.(*gate), nil
}

func releaseGate() error {
	_, err := gates.Delete(gateKey)
	return err
}
