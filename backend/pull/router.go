package pull

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/botgate/botgate/internal/retry"
)

const (
	// maxReceives is how many requests may wait in a process, and maxReceivesOfBot how many of them for one bot.
	maxReceives      = 1000
	maxReceivesOfBot = 250
	// round is how long owners are waited at until it is looked again which there are.
	round = 5 * time.Second
	// shortest is how long owners get to say what they have, however short a receive is to wait.
	shortest = time.Second
	// between is the pause where nobody can be asked, or somebody else was quicker.
	between = 100 * time.Millisecond
	// takeTimeout bounds what must not be broken off: an answer that is lost is a lease that ends in silence.
	takeTimeout = 10 * time.Second
)

// Owners are those who may have events.
type Owners interface {
	// All are those that there are now, by the process that their receipts name.
	All() map[string]Owner
}

// Request is a receive.
type Request struct {
	Ask
	// Wait is how long to wait for the first event.
	Wait time.Duration
	// Settle is settled before.
	Settle []Settlement
}

// Router has requests answered by the owners that have what they ask for. It may be used concurrently.
type Router struct {
	owners Owners

	mu       sync.Mutex
	receives int
	of       map[string]int // Receives by bot.
}

// NewRouter returns a router to owners.
func NewRouter(owners Owners) *Router { return &Router{owners: owners, of: map[string]int{}} }

// Receive settles, and then waits for events: at least one and at most as many as were asked for, or none once the time
// is over. ErrUnavailable means that there may be some nevertheless. What was settled is returned with an error, too.
func (r *Router) Receive(ctx context.Context, bot string, request Request) (events []json.RawMessage, settled []Result, err error) {
	leave, err := r.enter(bot)
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	if settled, err = r.Settle(ctx, bot, request.Settle); err != nil {
		return nil, nil, err
	}
	events, err = r.receive(ctx, bot, request)
	return events, settled, err
}

func (r *Router) receive(ctx context.Context, bot string, request Request) ([]json.RawMessage, error) {
	waiting, cancel := context.WithTimeout(ctx, max(request.Wait, shortest))
	defer cancel()
	for {
		owner, err := r.await(waiting, bot, request.Types)
		var events []json.RawMessage
		if owner != nil {
			events, err = r.take(ctx, owner, bot, request.Ask)
		}
		switch {
		case len(events) > 0, errors.Is(err, ErrUnknownBot), errors.Is(err, ErrPushed), waiting.Err() != nil:
			return events, err
		case err != nil || owner != nil:
			retry.Sleep(waiting, between)
		}
	}
}

// enter counts a receive until it leaves.
func (r *Router) enter(bot string) (leave func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.receives >= maxReceives || r.of[bot] >= maxReceivesOfBot {
		return nil, ErrBusy
	}
	r.receives++
	r.of[bot]++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.receives--
		if r.of[bot]--; r.of[bot] == 0 {
			delete(r.of, bot)
		}
	}, nil
}

// await waits at all owners at once, for a round, and returns one that has something; nil for none. The error is why
// nothing can be said for some of them; it comes at once where it is so for all.
func (r *Router) await(ctx context.Context, bot string, types Types) (Owner, error) {
	type found struct {
		owner Owner
		err   error
	}
	owners := shuffled(r.owners.All())
	ctx, cancel := context.WithTimeout(ctx, round)
	defer cancel() // Those that have nothing may stop; nothing was taken from them.
	all := make(chan found, len(owners))
	for _, owner := range owners {
		go func() { all <- found{owner, owner.Await(ctx, bot, types)} }()
	}
	errs := make([]error, 0, len(owners))
	for range owners {
		f := <-all
		if f.err == nil {
			return f.owner, nil
		}
		errs = append(errs, f.err)
	}
	return nil, verdict(errs)
}

// verdict is what the errors of all owners say together; nil where one of them waited in vain and none is out of reach.
func verdict(errs []error) error {
	any := func(err error) bool {
		return slices.ContainsFunc(errs, func(e error) bool { return errors.Is(e, err) })
	}
	switch {
	case len(errs) == 0, any(ErrUnavailable):
		return ErrUnavailable
	case any(context.DeadlineExceeded), any(context.Canceled):
		return nil
	case any(ErrPushed):
		return ErrPushed
	}
	return errors.Join(errs...)
}

// take has an owner lend events. Where nobody is there any more to get them, they are given back.
func (r *Router) take(ctx context.Context, owner Owner, bot string, ask Ask) ([]json.RawMessage, error) {
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeTimeout)
	defer cancel()
	events, err := owner.Lease(whole, bot, ask)
	if err != nil || ctx.Err() == nil {
		return events, err
	}
	releases := make([]Settlement, len(events))
	for n, event := range events {
		releases[n].Outcome = Release
		_ = json.Unmarshal(event, &releases[n]) // Of all members it has the receipt alone.
	}
	_, err = owner.Settle(whole, bot, releases)
	return nil, errors.Join(ctx.Err(), err)
}

// shuffled are owners in any order.
func shuffled(owners map[string]Owner) []Owner {
	all := make([]Owner, 0, len(owners))
	for _, o := range owners {
		all = append(all, o)
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// Settle settles receipts at the owners that made them, and returns a result for each, in their order. A receipt of a
// process that is there no more is lost.
func (r *Router) Settle(ctx context.Context, bot string, settlements []Settlement) ([]Result, error) {
	if len(settlements) == 0 {
		return nil, nil
	}
	results, owners := make([]Result, len(settlements)), r.owners.All()
	if len(owners) == 0 {
		return nil, ErrUnavailable
	}
	at := map[string][]int{} // The places of the settlements of each process.
	for n, s := range settlements {
		results[n] = Result{s.Receipt, Lost}
		at[ProcessOf(s.Receipt)] = append(at[ProcessOf(s.Receipt)], n)
	}
	var group sync.WaitGroup
	for process, places := range at {
		if owner := owners[process]; owner != nil {
			group.Go(func() { settleAt(ctx, owner, bot, settlements, places, results) })
		}
	}
	group.Wait()
	return results, nil
}

// settleAt settles those of some places at their owner.
func settleAt(ctx context.Context, owner Owner, bot string, settlements []Settlement, places []int, results []Result) {
	its := make([]Settlement, len(places))
	for i, n := range places {
		its[i] = settlements[n]
	}
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleWait+takeTimeout)
	defer cancel()
	statuses, err := owner.Settle(whole, bot, its)
	for i, n := range places {
		if results[n].Status = Unavailable; err == nil {
			results[n].Status = statuses[i]
		}
	}
}
