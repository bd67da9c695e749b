package main

import (
	"context"
	"os"
	"runtime"
	"time"

	"github.com/botgate/botgate/bench/peers/proc"
)

// reading is what everything has used at one moment.
type reading struct {
	peer, redis, rabbitMQ, load proc.Usage
	host                        proc.Host
}

func (t *turn) read() (r reading, err error) {
	for to, pid := range map[*proc.Usage]int{
		&r.peer: t.program.pid(), &r.redis: t.services.RedisPID, &r.rabbitMQ: t.services.RabbitMQPID,
	} {
		if *to, err = proc.Of(pid); err != nil {
			return reading{}, err
		}
	}
	if r.load, err = proc.Alone(os.Getpid()); err != nil {
		return reading{}, err
	}
	r.host, err = proc.ReadHost()
	return r, err
}

// own is the programs' time of all that belongs to the bench.
func (r reading) own() time.Duration {
	return r.peer.User + r.redis.User + r.rabbitMQ.User + r.load.User
}

// awaitQuiet waits until next to nothing happens on the machine, but no longer than it may.
func (b *bench) awaitQuiet(ctx context.Context) error {
	const (
		look = 500 * time.Millisecond
		// quiet is the share of one processor that is nothing: the services have some housekeeping.
		quiet = 0.12
	)
	end := time.Now().Add(min(b.options.wait, time.Until(b.end)))
	for looks := 0; time.Now().Before(end); looks++ {
		if looks == 1 {
			b.say("  waiting for a quiet machine, %s at most", time.Until(end).Round(time.Second))
		}
		from, err := proc.ReadHost()
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(look):
		}
		to, err := proc.ReadHost()
		if err != nil {
			return err
		}
		if proc.Foreign(from, to, 0)*float64(runtime.NumCPU()) < quiet {
			return nil
		}
	}
	return nil
}
