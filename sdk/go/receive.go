package botgate

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// ReceiveConfig says which events to ask for, and what is done with them.
type ReceiveConfig struct {
	// URL is the gateway, such as https://gate.example, and Bot the bot whose events they are. Required.
	URL, Bot string
	// Token returns the token to show, with the scope events:pull. It is asked for each request. Required.
	Token func(context.Context) (string, error)
	// Handle does the work. When it returns no error, the event is delivered, with the answer, nil for none. A [*Refused]
	// means what its status does; any other error is logged, and the event is tried again. The context ends when the work
	// is in vain, since somebody else gets the event. Required.
	Handle func(context.Context, *Event) (*Answer, error)
	// Concurrency is how many events are worked on at once, from 1 to 100. Default: 8.
	Concurrency int
	// Lease is how long this process has an event, again and again while its handler runs. Default: a minute.
	Lease time.Duration
	// Wait is how long a request waits for events, at most 50 s. Default: 20 s.
	Wait time.Duration
	// Grace is how long handlers get to end at a stop. Default: 10 s.
	Grace time.Duration
	// Types are patterns of the types of events to have, such as "telegram.*". Default: all.
	Types []string
	// Seen knows what was handled. Default: the last 10 000 deliveries, in memory.
	Seen Seen
	// Client makes the requests. Default: [http.DefaultClient].
	Client *http.Client
}

// Receive asks for the events of a bot without a public address, has each worked on, and settles it by what came of that,
// until ctx ends. Then handlers get some time to end, and what they don't end goes back. It returns nil then, or else what
// does not get better by itself, such as a token that is none.
func Receive(ctx context.Context, config ReceiveConfig) error {
	if config.Concurrency == 0 {
		config.Concurrency = 8
	}
	base, err := url.Parse(config.URL)
	switch {
	case err != nil || base.Host == "" || config.Bot == "" || config.Token == nil || config.Handle == nil:
		return errors.New("URL, Bot, Token and Handle are required, and URL is like https://gate.example")
	case config.Concurrency < 1 || config.Concurrency > 100:
		return errors.New("concurrency is from 1 to 100")
	}
	for _, d := range []struct {
		set   *time.Duration
		value time.Duration
	}{{&config.Lease, time.Minute}, {&config.Wait, 20 * time.Second}, {&config.Grace, 10 * time.Second}} {
		if *d.set == 0 {
			*d.set = d.value
		}
	}
	if config.Seen == nil {
		config.Seen = &recent{keys: map[string]bool{}}
	}
	if config.Client == nil {
		config.Client = http.DefaultClient
	}
	r := &receiver{
		ReceiveConfig: config, base: base.JoinPath("v1", "bots", config.Bot),
		running: map[string]*work{}, said: map[string]settlement{}, ended: make(chan struct{}, 1), urgent: make(chan struct{}, 1),
	}
	return r.run(ctx)
}

type receiver struct {
	ReceiveConfig
	base *url.URL
	// ended says that a handler did, and urgent that there is something to tell at once.
	ended, urgent chan struct{}
	handlers      sync.WaitGroup

	mu      sync.Mutex
	running map[string]*work      // By receipt.
	said    map[string]settlement // By receipt: what is to be told.
	asking  bool
}

// work is an event that is worked on.
type work struct {
	vain  context.CancelFunc
	until time.Time // When its lease ends.
}

func (r *receiver) run(ctx context.Context) (err error) {
	tending, stop := context.WithCancel(context.WithoutCancel(ctx))
	tended := make(chan struct{})
	go func() {
		defer close(tended)
		r.tend(tending)
	}()
	for failures := 0; ctx.Err() == nil && err == nil; {
		if free := r.free(); free > 0 {
			failures, err = r.ask(ctx, free, failures)
			continue
		}
		select {
		case <-r.ended:
		case <-ctx.Done():
		}
	}
	r.await()
	stop()
	<-tended
	r.mu.Lock()
	for receipt := range r.running {
		r.giveBack(receipt)
	}
	r.mu.Unlock()
	return errors.Join(err, r.settle(context.WithoutCancel(ctx)))
}

func (r *receiver) free() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Concurrency - len(r.running)
}

// await waits for handlers, as long as they get.
func (r *receiver) await() {
	all := make(chan struct{})
	go func() {
		defer close(all)
		r.handlers.Wait()
	}()
	select {
	case <-all:
	case <-time.After(r.Grace):
	}
}

// ask takes events once. It returns how often in a row that has failed, and an error where it always will.
func (r *receiver) ask(ctx context.Context, free, failures int) (int, error) {
	r.setAsking(true)
	question := map[string]any{"max": free, "wait": r.Wait.String(), "lease": r.Lease.String(), "types": r.Types}
	events, _, err := r.post(ctx, "receive", question, r.Wait+30*time.Second)
	r.setAsking(false)
	for _, one := range events {
		r.begin(ctx, one)
	}
	final := (*refusal)(nil)
	switch {
	case err == nil || ctx.Err() != nil:
		return 0, nil //nolint:nilerr // A stop is no failure.
	case errors.As(err, &final) && final.isFinal():
		return 0, err
	}
	slog.WarnContext(ctx, "asking for events failed; trying again", "error", err)
	pause := min(15*time.Second, time.Second/2<<min(failures, 5))
	select {
	case <-time.After(pause/2 + rand.N(pause/2)): //nolint:gosec // It is no secret.
	case <-ctx.Done():
	}
	return failures + 1, nil
}

func (r *receiver) setAsking(asking bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asking = asking
}

// begin has an event worked on.
func (r *receiver) begin(ctx context.Context, one lent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() != nil {
		r.giveBack(one.Receipt)
		return
	}
	working, vain := context.WithCancel(context.WithoutCancel(ctx))
	r.running[one.Receipt] = &work{vain, time.Now().Add(r.Lease)}
	r.handlers.Add(1)
	go func() {
		defer r.handlers.Done()
		defer vain()
		r.work(working, one)
	}()
}

func (r *receiver) work(ctx context.Context, one lent) {
	s := settlement{Receipt: one.Receipt, Outcome: "ack"}
	event := one.event()
	event.progress = func(percent int) { r.progress(one.Receipt, percent) }
	answer, err := once(ctx, r.Seen, event, r.Handle)
	refused := (*Refused)(nil)
	switch {
	case err == nil:
		s.Answer = answer
	case errors.As(err, &refused) && refused.isFinal():
		s.Outcome = "dead"
	default:
		s.Outcome = "retry"
		if refused == nil {
			slog.ErrorContext(ctx, "the bot failed", "error", err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running[one.Receipt] == nil {
		return // It was given back.
	}
	delete(r.running, one.Receipt)
	r.say(s, r.asking)
	signal(r.ended)
}

func (r *receiver) progress(receipt string, percent int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running[receipt] != nil {
		r.say(settlement{Receipt: receipt, Outcome: "extend", Progress: percent}, true)
	}
}

// say has something told: at once, or with the next receive, where that does not wait for events already. The lock is
// held.
func (r *receiver) say(s settlement, atOnce bool) {
	r.said[s.Receipt] = s
	if atOnce {
		signal(r.urgent)
	}
}

// giveBack lets somebody else have an event. The lock is held.
func (r *receiver) giveBack(receipt string) {
	if w := r.running[receipt]; w != nil {
		w.vain()
		delete(r.running, receipt)
	}
	r.say(settlement{Receipt: receipt, Outcome: "retry", After: "0s"}, false)
}

// tend tells what can't wait for the next receive, and keeps leases, until ctx ends.
func (r *receiver) tend(ctx context.Context) {
	renewal := time.NewTicker(r.Lease / 3)
	defer renewal.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-renewal.C:
			r.renew()
		case <-r.urgent:
			if err := r.settle(ctx); err != nil && ctx.Err() == nil {
				slog.WarnContext(ctx, "settling events failed; trying again", "error", err)
			}
		}
	}
}

// renew has all leases begin anew.
func (r *receiver) renew() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for receipt, w := range r.running {
		if time.Now().After(w.until) {
			w.vain() // The gateway was out of reach for so long.
		}
		if _, said := r.said[receipt]; !said {
			r.say(settlement{Receipt: receipt, Outcome: "extend"}, true)
		}
	}
}

// signal has whoever waits look, once.
func signal(to chan<- struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}
