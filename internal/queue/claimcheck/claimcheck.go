// Package claimcheck keeps large bodies out of a queue: they are put into a blob store, and the
// message carries a reference (the claim check pattern; CloudEvents' extension dataref).
// Publishers and consumers see whole events, as without it.
package claimcheck

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/botgate/botgate/internal/blob"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/tracing"
)

const (
	// DefaultThreshold is the default of [Config.Threshold].
	DefaultThreshold = 256_000
	// maxTransfers is how many blobs a queue, and each of its consumers, moves at once.
	maxTransfers = 16
)

// Config says where bodies are kept, and which.
type Config struct {
	// Blobs keeps the bodies; the queue closes it. Without one all bodies stay in messages, and
	// events with a reference, which other processes published, wait in the queue.
	Blobs blob.Store
	// Threshold is the largest body, in bytes, that stays in the message. Default 256 KB;
	// negative keeps all of them there.
	Threshold int
	// HeldBytes bounds the bodies that a consumer fetched and that are not settled yet; one
	// larger than that is held alone. Default 64 MiB.
	HeldBytes int64
	// Pause is the delay before the first retry of a delivery whose body is missing or
	// damaged; it doubles with each. While the store is unavailable, deliveries are
	// postponed by 5 to 10 times as long. Default 1s.
	Pause time.Duration
	// Messaging makes the spans of getting bodies; nil for none.
	Messaging *tracing.Messaging
	// Logger gets what an operator should know. Default: nobody.
	Logger *slog.Logger
}

// Queue is a queue whose large bodies are in a blob store. Everything but bodies is left to the
// queue that it decorates.
type Queue struct {
	queue.Queue
	cfg  Config
	puts *semaphore.Weighted
}

// New decorates a queue, which it closes together with the store.
func New(inner queue.Queue, cfg Config) *Queue {
	cfg.Threshold = cmp.Or(cfg.Threshold, DefaultThreshold)
	cfg.HeldBytes = cmp.Or(cfg.HeldBytes, 64<<20)
	cfg.Pause = cmp.Or(cfg.Pause, time.Second)
	cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	return &Queue{Queue: inner, cfg: cfg, puts: semaphore.NewWeighted(maxTransfers)}
}

// Close implements [queue.Queue].
func (q *Queue) Close() error {
	err := q.Queue.Close()
	if q.cfg.Blobs != nil {
		err = errors.Join(err, q.cfg.Blobs.Close())
	}
	return err
}

// Publish implements [queue.Queue]. A large body is durable in the blob store before its
// event is published. If the event then is not published, the body is left to the store's
// retention: somebody else may have put the same body. An event that has a reference already is
// published as it is.
func (q *Queue) Publish(ctx context.Context, events ...*event.Event) error {
	light := slices.Clone(events) // The caller's stay as they are.
	for i := range light {
		var err error
		if light[i], err = q.light(ctx, light[i]); err != nil {
			return err
		}
	}
	return q.Queue.Publish(ctx, light...)
}

// PublishTo implements [queue.Queue], as Publish.
func (q *Queue) PublishTo(ctx context.Context, group queue.Group, e *event.Event) error {
	light, err := q.light(ctx, e)
	if err != nil {
		return err
	}
	return q.Queue.PublishTo(ctx, group, light)
}

// light returns an event as it is to be published: a copy without Data when that is large.
func (q *Queue) light(ctx context.Context, e *event.Event) (*event.Event, error) {
	if q.cfg.Blobs == nil || q.cfg.Threshold < 0 || len(e.Data) <= q.cfg.Threshold {
		return e, nil
	}
	if err := e.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", queue.ErrInvalid, err)
	}
	ref, err := q.put(ctx, e.Data)
	if err != nil {
		return nil, fmt.Errorf("%w: keeping the body of event %s: %w", queue.ErrUnavailable, e.ID, err)
	}
	without := *e
	without.Data, without.DataRef = nil, ref.String()
	return &without, nil
}

func (q *Queue) put(ctx context.Context, data []byte) (blob.Ref, error) {
	if err := q.puts.Acquire(ctx, 1); err != nil {
		return blob.Ref{}, fmt.Errorf("too many bodies in transfer: %w", err)
	}
	defer q.puts.Release(1)
	ctx, cancel := context.WithTimeout(ctx, transferTimeout)
	defer cancel()
	ref := blob.RefOf(data)
	ctx, span := tracing.PutBody(ctx, ref.Size)
	defer span.End()
	if err := q.cfg.Blobs.Put(ctx, ref, data); err != nil {
		putFailed.Inc()
		tracing.Fail(span, tracing.CauseOf(err))
		return ref, err
	}
	putStored.Inc()
	putBytes.Add(float64(ref.Size))
	return ref, nil
}

// Subscribe implements [queue.Queue]. In Record and Dispatch a delivery whose body is missing or
// damaged is retried a few times before it is handed out without it; see
// [queue.Delivery.Unreadable].
func (q *Queue) Subscribe(ctx context.Context, group queue.Group, opts queue.SubscribeOptions) (queue.Consumer, error) {
	inner, err := q.Queue.Subscribe(ctx, group, opts)
	if err != nil {
		return nil, err
	}
	return newConsumer(inner, group, q.cfg), nil
}
