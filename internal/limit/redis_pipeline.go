package limit

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// maxBatch is how many calls share a round trip at most.
	maxBatch = 256
	// maxWaiting is how many calls may wait for a pipeline.
	maxWaiting = 4096
	// connectTimeout is how long it may take to have a connection again.
	connectTimeout = time.Second
)

var errBusy = errors.New("rate limit: too many calls wait for redis")

// pipeline lets the calls that are in flight together share round trips: while some wait
// for their answer, those that come meanwhile become the next batch. Nothing waits for a
// batch to fill, and one is under way at a time: more of them would be smaller, which
// costs more than it saves. It stands in for the client where redis_rate and scripts want one.
type pipeline struct {
	redis.UniversalClient
	calls chan *call
	// ended is closed when nobody makes the calls any more.
	ended chan struct{}
}

// call is one script to run. Its command belongs to the pipeline until done is closed.
type call struct {
	cmd      *redis.Cmd
	deadline time.Time
	done     chan struct{}
}

func newPipeline(client redis.UniversalClient) *pipeline {
	return &pipeline{UniversalClient: client, calls: make(chan *call, maxWaiting), ended: make(chan struct{})}
}

// EvalSha runs a script in the next batch. The context needs a deadline, beyond which
// nobody waits; whether the script runs then is not known.
func (p *pipeline) EvalSha(ctx context.Context, sha1 string, keys []string, args ...any) *redis.Cmd {
	all := make([]any, 0, 3+len(keys)+len(args))
	all = append(all, "evalsha", sha1, len(keys))
	for _, key := range keys {
		all = append(all, key)
	}
	all = append(all, args...)
	c := &call{cmd: redis.NewCmd(ctx, all...), done: make(chan struct{})}
	c.deadline, _ = ctx.Deadline()
	select {
	case p.calls <- c:
	default:
		return failed(ctx, errBusy)
	}
	select {
	case <-c.done:
		return c.cmd
	case <-ctx.Done():
		return failed(ctx, ctx.Err())
	case <-p.ended:
		return failed(ctx, context.Canceled)
	}
}

func failed(ctx context.Context, err error) *redis.Cmd {
	cmd := redis.NewCmd(ctx)
	cmd.SetErr(err)
	return cmd
}

// work makes the calls until the context ends.
func (p *pipeline) work(ctx context.Context) {
	defer close(p.ended)
	p.connect(ctx)
	batch := make([]*call, 0, maxBatch)
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-p.calls:
			batch = p.fill(append(batch[:0], c))
			err := p.run(ctx, p.stillWaiting(batch))
			clear(batch)
			// An error of Redis itself leaves the connection as it is.
			if answer := redis.Error(nil); err != nil && !errors.As(err, &answer) {
				p.connect(ctx)
			}
		}
	}
}

// connect opens the connection before calls need it, outside of any request's budget: that
// takes several round trips, and with a sentinel or a cluster others are asked first.
func (p *pipeline) connect(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	_ = p.Exists(ctx, keyPrefix+hashTag).Err() // The next call finds out.
}

// fill adds the calls that wait already.
func (p *pipeline) fill(batch []*call) []*call {
	for len(batch) < maxBatch {
		select {
		case c := <-p.calls:
			batch = append(batch, c)
		default:
			return batch
		}
	}
	return batch
}

// stillWaiting drops the calls that nobody waits for any more: they were decided without
// Redis, and must not count twice.
func (p *pipeline) stillWaiting(batch []*call) []*call {
	now := time.Now()
	waiting := batch[:0]
	for _, c := range batch {
		if now.Before(c.deadline) {
			waiting = append(waiting, c)
			continue
		}
		c.cmd.SetErr(context.DeadlineExceeded)
		close(c.done)
	}
	return waiting
}

// run makes one round trip, for as long as anybody waits for it. Each command gets its
// own result or error.
func (p *pipeline) run(ctx context.Context, batch []*call) (err error) {
	if len(batch) == 0 {
		return nil
	}
	last := slices.MaxFunc(batch, func(a, b *call) int { return a.deadline.Compare(b.deadline) }).deadline
	ctx, cancel := context.WithDeadline(ctx, last)
	defer cancel()
	if len(batch) == 1 {
		err = p.Process(ctx, batch[0].cmd)
	} else {
		together := p.Pipeline()
		for _, c := range batch {
			_ = together.Process(ctx, c.cmd)
		}
		_, err = together.Exec(ctx)
	}
	for _, c := range batch {
		close(c.done)
	}
	return err
}
