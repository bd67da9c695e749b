package redisclient

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/internal/background"
)

const (
	// maxBatch is how many calls share a round trip at most.
	maxBatch = 256
	// maxWaiting is how many calls may wait for a batch.
	maxWaiting = 4096
	// maxUnderWay is how many batches are under way at most. Each takes a connection, of which the smallest
	// default pool has 10.
	maxUnderWay = 8
	// A Redis is near when batches take less. Then there is one at a time, unless it takes long: more of them
	// would be smaller, which costs more than it saves.
	near = 500 * time.Microsecond
	long = 2 * near
	// To one that is far, batches begin as soon after each other as the time that one takes, divided by spread.
	spread = 32
	// forget is how slowly it is forgotten how fast batches were: by one in so many of its time with each.
	forget = 256
	// connectTimeout is how long it may take to have a connection.
	connectTimeout = time.Second
)

var (
	errBusy   = errors.New("too many calls wait for redis")
	errClosed = errors.New("redis client is closed")
)

// Pipe sends the commands of many callers in few round trips. Those that come while a batch is under way become
// the next one, which starts when that one ends, or beside it when Redis is far. Nothing waits for a batch to
// fill. It may be used concurrently, and must be closed.
type Pipe struct {
	client  redis.UniversalClient
	scripts scripts
	tasks   *background.Tasks

	mu      sync.Mutex
	waiting []*Call
	// underWay are the batches that are under way or about to be.
	underWay int
	// connected is how many batches at once are known to find a connection.
	connected int
	// began is when the last batch did.
	began time.Time
	// fastest is about what the fastest of the last batches took.
	fastest time.Duration
	// timer starts the next batch beside others; it is set only while armed.
	timer *time.Timer
	armed bool
	// closed says that nothing is sent any more.
	closed bool
}

// NewPipe makes a pipe over the client, which the pipe closes. It does not dial.
func NewPipe(client redis.UniversalClient) *Pipe {
	p := &Pipe{client: client, tasks: background.New()}
	p.timer = time.AfterFunc(time.Hour, p.expire)
	p.timer.Stop()
	return p
}

// Client is for what does not come with each request, such as subscriptions. It is nil for a nil pipe.
func (p *Pipe) Client() redis.UniversalClient {
	if p == nil {
		return nil
	}
	return p.client
}

// Connect opens a connection before calls need it, outside of any budget: that takes several round trips, and
// with a sentinel or a cluster others are asked first. It does not wait.
func (p *Pipe) Connect() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed && p.underWay == 0 && p.connected == 0 {
		p.begin()
	}
}

// Close ends what is under way and closes the client.
func (p *Pipe) Close() error {
	p.mu.Lock()
	p.closed = true
	p.timer.Stop()
	left := p.waiting
	p.waiting = nil
	p.mu.Unlock()
	for _, c := range left {
		c.end(errClosed)
	}
	_ = p.tasks.Close()
	return p.client.Close()
}

// Do sends the commands in one round trip and waits for the answers, at most for the budget. Then each has its
// own; the error is that of the first one that failed, [redis.Nil] aside. Without an answer of Redis it is not
// known whether they were carried out, and they belong to the pipe.
func (p *Pipe) Do(ctx context.Context, budget time.Duration, cmds ...redis.Cmder) error {
	c := NewCall(budget, cmds...)
	p.Send(c)
	return c.Wait(ctx)
}

// Later is Do for those who do not wait: then is called with the outcome, once, and must not wait either.
func (p *Pipe) Later(budget time.Duration, then func(error), cmds ...redis.Cmder) {
	c := NewCall(budget, cmds...)
	c.then = then
	p.Send(c)
}

// Send sends the calls, in one round trip, and does not wait.
func (p *Pipe) Send(calls ...*Call) {
	if err := p.add(calls); err != nil {
		for _, c := range calls {
			c.end(err)
		}
	}
}

func (p *Pipe) add(calls []*Call) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return errClosed
	case len(p.waiting)+len(calls) > maxWaiting:
		return errBusy
	}
	p.waiting = append(p.waiting, calls...)
	p.next()
	return nil
}

// next begins a batch, or sees to it that one begins in time. The caller has locked.
func (p *Pipe) next() {
	if len(p.waiting) == 0 || p.underWay == maxUnderWay || p.closed {
		return
	}
	wait := p.apart() - time.Since(p.began)
	switch {
	case p.underWay == 0:
		p.begin()
	case p.connected == 0: // Whether Redis answers, one finds out.
	case wait <= 0:
		p.begin()
	case !p.armed:
		p.armed = true
		p.timer.Reset(wait)
	}
}

// apart is how long a batch is under way before the next one begins beside it. The caller has locked.
func (p *Pipe) apart() time.Duration {
	if p.fastest < near {
		return long
	}
	return p.fastest / spread
}

func (p *Pipe) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed = false
	p.next()
}

// begin starts a batch. The caller has locked.
func (p *Pipe) begin() {
	p.underWay++
	p.began = time.Now()
	number, connected := p.underWay, p.connected
	p.tasks.Go(func(ctx context.Context) {
		if number > connected {
			p.connect(ctx, number)
		}
		p.work(ctx)
	})
}

// work sends one batch after the other as long as there are calls.
func (p *Pipe) work(ctx context.Context) {
	var batch []*Call
	for {
		runtime.Gosched() // Whoever the last batch answered may have more to send.
		if batch = p.take(batch[:0]); len(batch) == 0 {
			return
		}
		began := time.Now()
		err := p.run(ctx, batch)
		clear(batch)
		// An error of Redis itself leaves the connection as it is.
		if answer := redis.Error(nil); err != nil && !errors.As(err, &answer) {
			p.disconnected()
			p.connect(ctx, 1)
			continue
		}
		p.took(time.Since(began))
	}
}

func (p *Pipe) took(time time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fastest += p.fastest / forget; p.fastest == 0 || time < p.fastest {
		p.fastest = time
	}
}

// take returns the calls of the next batch, or ends the caller's work.
func (p *Pipe) take(batch []*Call) []*Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(len(p.waiting), maxBatch)
	if n == 0 {
		p.underWay--
		return nil
	}
	p.began = time.Now()
	batch = append(batch, p.waiting[:n]...)
	rest := copy(p.waiting, p.waiting[n:])
	clear(p.waiting[rest:])
	p.waiting = p.waiting[:rest]
	p.next()
	return batch
}

// connect opens a connection for a batch, of which there are so many then.
func (p *Pipe) connect(ctx context.Context, batches int) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if p.client.Exists(ctx, probeKey).Err() == nil {
		p.mu.Lock()
		p.connected = max(p.connected, batches)
		p.mu.Unlock()
	}
}

func (p *Pipe) disconnected() {
	p.mu.Lock()
	p.connected = 0
	p.mu.Unlock()
}

// run makes one round trip, for as long as anybody waits for it.
func (p *Pipe) run(ctx context.Context, batch []*Call) (err error) {
	batch, last := stillWaiting(batch)
	if len(batch) == 0 {
		return nil
	}
	ctx, cancel := context.WithDeadline(ctx, last)
	defer cancel()
	var cmds []redis.Cmder
	for _, c := range batch {
		cmds = append(cmds, c.cmds...)
	}
	if err = p.exec(ctx, cmds); err != nil {
		if unknown := p.withSources(cmds); len(unknown) > 0 {
			err = p.exec(ctx, unknown)
		}
	}
	for _, c := range batch {
		c.end(c.failure())
	}
	return err
}

func (p *Pipe) exec(ctx context.Context, cmds []redis.Cmder) error {
	if len(cmds) == 1 {
		return p.client.Process(ctx, cmds[0])
	}
	together := p.client.Pipeline()
	_ = together.BatchProcess(ctx, cmds...) // It only notes them.
	_, err := together.Exec(ctx)
	return err
}
