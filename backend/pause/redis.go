package pause

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// redisKey has the states by bot, as JSON.
const redisKey = "botgate:pauses"

var _ Store = Redis{}

// Redis is a [Store] that processes without a database share, too.
type Redis struct{ Client redis.UniversalClient }

// Load implements [Store].
func (r Redis) Load(ctx context.Context) (map[string]State, error) {
	found, err := r.Client.HGetAll(ctx, redisKey).Result()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	states := make(map[string]State, len(found))
	for bot, text := range found {
		var s State
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			return nil, fmt.Errorf("%w: the key %s, bot %s: %w", ErrUnavailable, redisKey, bot, err)
		}
		states[bot] = s
	}
	return states, nil
}

// Set implements [Store].
func (r Redis) Set(ctx context.Context, bot string, state State) error {
	text, err := json.Marshal(state)
	if err == nil {
		err = r.Client.HSet(ctx, redisKey, bot, text).Err()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}
