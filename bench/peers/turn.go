package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/botgate/botgate/bench/peers/load"
	"github.com/botgate/botgate/bench/peers/proc"
	"github.com/botgate/botgate/bench/peers/report"
	"github.com/botgate/botgate/bench/peers/services"
)

const (
	// readyTimeout bounds a peer's start, and how long its queues may take to show all that they have.
	readyTimeout = time.Minute
	// pollInterval is how often we look whether it is done.
	pollInterval = 50 * time.Millisecond
)

// turn is one peer's in a round.
type turn struct {
	*bench
	peer
	round   int
	address string
	program *program
	// sent is how many commands were accepted.
	sent int
}

// takeTurn starts a peer, warms it up, measures it with each number of connections, and checks that it did what
// it said.
func (b *bench) takeTurn(ctx context.Context, p peer, round int) (runs []report.Run, err error) {
	dir, err := os.MkdirTemp(b.programs.folder, p.name)
	if err != nil {
		return nil, err
	}
	t := &turn{bench: b, peer: p, round: round}
	if t.address, err = freeAddress(ctx); err != nil {
		return nil, err
	}
	if p.ledger != nil {
		if err := p.ledger.Prepare(ctx); err != nil {
			return nil, fmt.Errorf("preparing its queue: %w", err)
		}
		defer func() { _ = p.ledger.Clear(context.WithoutCancel(ctx)) }()
	}
	cmd, err := p.command(ctx, dir, t.address)
	if err != nil {
		return nil, err
	}
	cmd.Dir = dir
	if t.program, err = start(cmd); err != nil {
		return nil, err
	}
	defer t.program.stop()
	if runs, err = t.measureAll(ctx); err != nil {
		return nil, t.program.explain(err)
	}
	return runs, nil
}

func (t *turn) measureAll(ctx context.Context) (runs []report.Run, err error) {
	if err := t.awaitReady(ctx); err != nil {
		return nil, fmt.Errorf("waiting until it accepts: %w", err)
	}
	if err := t.checkRefusals(ctx); err != nil {
		return nil, err
	}
	if _, err := t.send(ctx, slices.Max(t.options.connections), t.options.warm); err != nil {
		return nil, fmt.Errorf("warming up: %w", err)
	}
	for _, connections := range t.options.connections {
		run, err := t.measureQuietly(ctx, connections)
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	return runs, t.checkLedger(ctx)
}

func (t *turn) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		status, err := load.Once(ctx, t.address, t.requests[0])
		switch {
		case err != nil:
		case status == t.accepted:
			t.sent++
			return nil
		default:
			err = fmt.Errorf("its answer is %d", status)
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-t.program.done:
			return errEnded
		case <-time.After(pollInterval):
		}
	}
}

// checkRefusals checks that it looks at tokens and bodies.
func (t *turn) checkRefusals(ctx context.Context) error {
	var answers [3]int
	for n, request := range t.refusals {
		var err error
		if answers[n], err = load.Once(ctx, t.address, request); err != nil {
			return fmt.Errorf("sending what is to be refused: %w", err)
		}
		if answers[n] == t.accepted {
			t.sent++
		}
	}
	if answers != t.refused {
		return fmt.Errorf("without a token, with a forged one, and with a wrong body it answers %v, not %v",
			answers, t.refused)
	}
	return nil
}

func (t *turn) send(ctx context.Context, connections int, duration time.Duration) (load.Result, error) {
	result, err := load.Run(ctx, load.Config{
		Address: t.address, Requests: t.requests, Connections: connections, Duration: duration, Accepted: t.accepted,
	})
	if err != nil {
		return load.Result{}, err
	}
	if len(result.Unexpected) > 0 || len(result.Latencies) == 0 {
		return load.Result{}, fmt.Errorf("%d answers as expected, and others: %v", len(result.Latencies), result.Unexpected)
	}
	t.sent += len(result.Latencies)
	return result, nil
}

// measureQuietly measures again, while there is time, when others took too much of the machine.
func (t *turn) measureQuietly(ctx context.Context, connections int) (best report.Run, err error) {
	for try := range t.options.tries {
		if err := t.awaitQuiet(ctx); err != nil {
			return report.Run{}, err
		}
		run, err := t.measure(ctx, connections)
		if err != nil {
			return report.Run{}, err
		}
		if try == 0 || run.Foreign < best.Foreign {
			best = run
		}
		if best.Quiet() || time.Until(t.end) < t.options.seconds {
			break
		}
	}
	t.say("  %2d connections: %6.0f/s, p99 %5.1f ms, %4.0f µs of CPU a request, others took %2.0f %% of the machine",
		connections, best.Rate, best.P99.Seconds()*1e3, best.CPU, best.Foreign*100)
	return best, nil
}

// measure sends for a while and returns what that took.
func (t *turn) measure(ctx context.Context, connections int) (report.Run, error) {
	before, err := t.read()
	if err != nil {
		return report.Run{}, err
	}
	result, err := t.send(ctx, connections, t.options.seconds)
	if err != nil {
		return report.Run{}, fmt.Errorf("with %d connections: %w", connections, err)
	}
	after, err := t.read()
	if err != nil {
		return report.Run{}, err
	}
	each := func(from, to proc.Usage) float64 {
		return (to.CPU() - from.CPU()).Seconds() * 1e6 / float64(len(result.Latencies))
	}
	run := report.Run{
		Peer: t.name, Round: t.round, Connections: connections,
		Rate: float64(len(result.Latencies)) / result.Took.Seconds(),
		P50:  report.Percentile(result.Latencies, 50), P99: report.Percentile(result.Latencies, 99),
		CPU: each(before.peer, after.peer), Redis: each(before.redis, after.redis),
		RabbitMQ: each(before.rabbitMQ, after.rabbitMQ), Resident: after.peer.Resident,
		Foreign: proc.Foreign(before.host, after.host, after.own()-before.own()),
	}
	// A service has some housekeeping, also when nobody asks for it.
	if t.noRedis {
		run.Redis = 0
	}
	if _, published := t.ledger.(services.Queues); !published {
		run.RabbitMQ = 0
	}
	return run, nil
}

// checkLedger checks that the queues have exactly what was accepted.
func (t *turn) checkLedger(ctx context.Context) error {
	if t.ledger == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		counts, err := t.ledger.Count(ctx)
		if err != nil {
			return fmt.Errorf("counting what it queued: %w", err)
		}
		if !slices.ContainsFunc(counts, func(n int) bool { return n != t.sent }) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it accepted %d commands and queued %v", t.sent, counts)
		case <-time.After(pollInterval):
		}
	}
}
