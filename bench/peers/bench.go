package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/botgate/botgate/bench/peers/report"
	"github.com/botgate/botgate/bench/peers/services"
	"github.com/botgate/botgate/bench/peers/workload"
)

// bench is one comparison.
type bench struct {
	options  options
	began    time.Time
	end      time.Time
	programs programs
	services *services.Services
	// secret signs the tokens of the requests; refusals are what must not be accepted.
	secret             string
	requests, refusals [][]byte
	// upstream is where peers proxy to that can't publish.
	upstream string
}

// Where withsvc says that its servers are.
const redisEnv, amqpEnv = "BOTGATE_TEST_REDIS_URL", "BOTGATE_TEST_AMQP_URL"

func compare(ctx context.Context, o options) (err error) {
	b := &bench{options: o, began: time.Now(), end: time.Now().Add(o.longest), secret: rand.Text() + rand.Text()}
	if os.Getenv(redisEnv) == "" || os.Getenv(amqpEnv) == "" {
		return fmt.Errorf("%s and %s are not set: run it by `make bench-peers`", redisEnv, amqpEnv)
	}
	if b.services, err = services.Open(ctx, os.Getenv(redisEnv), os.Getenv(amqpEnv)); err != nil {
		return err
	}
	defer b.services.Close()
	tokens, err := workload.Tokens([]byte(b.secret))
	if err != nil {
		return err
	}
	b.requests = workload.Requests(tokens)
	if b.refusals, err = workload.Refused(tokens); err != nil {
		return err
	}
	if b.programs, err = b.build(ctx); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.programs.folder) }()
	upstream, stop, err := serveUpstream(ctx)
	if err != nil {
		return err
	}
	defer stop()
	b.upstream = upstream
	peers, err := b.chosen()
	if err != nil {
		return err
	}
	runs, failed := b.rounds(ctx, peers)
	if err := ctx.Err(); err != nil {
		return errors.New("interrupted")
	}
	return errors.Join(failed, b.publish(ctx, peers, runs))
}

// chosen are the peers that are asked for and can run.
func (b *bench) chosen() ([]peer, error) {
	var chosen []peer
	unknown := slices.Clone(b.options.only)
	for _, p := range b.peers() {
		unknown = slices.DeleteFunc(unknown, func(name string) bool { return name == p.name })
		switch {
		case len(b.options.only) > 0 && !slices.Contains(b.options.only, p.name):
		case p.missing != "":
			b.say("left out: %s (%s)", p.name, p.missing)
		default:
			chosen = append(chosen, p)
		}
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("-only: no peer has the name %v", unknown)
	}
	return chosen, nil
}

// rounds gives each peer its turns, in rounds, so that all see the same machine. One that fails
// has no more of them.
func (b *bench) rounds(ctx context.Context, peers []peer) (runs []report.Run, failed error) {
	peers = slices.Clone(peers)
	for round := range b.options.rounds {
		began := time.Now()
		for n := 0; n < len(peers) && ctx.Err() == nil; {
			b.say("round %d of %d: %s", round+1, b.options.rounds, peers[n].name)
			of, err := b.takeTurn(ctx, peers[n], round)
			if ctx.Err() != nil {
				return runs, failed
			}
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s: %w", peers[n].name, err))
				b.say("  %s failed: %v", peers[n].name, err)
				peers = slices.Delete(peers, n, n+1)
				continue
			}
			runs = append(runs, of...)
			n++
		}
		if time.Since(began) > time.Until(b.end) && round+1 < b.options.rounds {
			b.say("the time is used up (-longest): no further round")
			break
		}
	}
	return runs, failed
}

// say tells what happens now.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%5.0f s  %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}
