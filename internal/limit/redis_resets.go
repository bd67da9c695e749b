package limit

import (
	"context"
	"encoding/base64"

	"github.com/redis/go-redis/v9"
)

// resetChannel carries the keys that were reset, for those who remember a refusal.
const resetChannel = "botgate:rate:reset"

// resets hears of resets in other processes. What is announced while the subscription is
// broken is not heard, so everything is forgotten when it stands again.
type resets struct {
	client    redis.UniversalClient
	forget    func(ID)
	forgetAll func()
}

// follow listens until the context ends.
func (r *resets) follow(ctx context.Context) {
	sub := r.client.Subscribe(ctx, resetChannel)
	defer func() { _ = sub.Close() }()
	messages := sub.ChannelWithSubscriptions()
	for {
		select {
		case <-ctx.Done():
			return
		case m, open := <-messages:
			if !open {
				return
			}
			r.hear(m)
		}
	}
}

func (r *resets) hear(m any) {
	message, ok := m.(*redis.Message)
	if !ok {
		r.forgetAll()
		return
	}
	var id ID
	if n, err := base64.RawURLEncoding.Decode(id[:], []byte(message.Payload)); err == nil && n == len(id) {
		r.forget(id)
	}
}

// Reset gives a key of a zone its full allowance back at all processes that share a Redis, from one that limits nothing.
func Reset(ctx context.Context, client redis.UniversalClient, zone, key string) error {
	id := IDOf(zone, key)
	if err := client.Del(ctx, id.key(zone)).Err(); err != nil {
		return err
	}
	return (&resets{client: client}).announce(ctx, id)
}

func (r *resets) announce(ctx context.Context, id ID) error {
	return r.client.Publish(ctx, resetChannel, base64.RawURLEncoding.EncodeToString(id[:])).Err()
}
