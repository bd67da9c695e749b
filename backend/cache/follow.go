package cache

import (
	"context"

	"github.com/botgate/botgate/backend/notify"
)

// Invalidator is what a [Follower] asks of a cache.
type Invalidator interface {
	Invalidate(ctx context.Context, keys ...string)
	DropAll()
}

// Follower is a subscriber that keeps a cache true to what was recorded.
type Follower struct {
	// Cache forgets what was written.
	Cache Invalidator
	// Keys appends the keys of what a notice makes untrue.
	Keys func(keys []string, n *notify.Notice) []string
}

var _ notify.Subscriber = Follower{}

// Notices implements [notify.Subscriber].
func (f Follower) Notices(notices []notify.Notice) {
	var keys, all []string
	known := make(map[string]struct{}, len(notices))
	for i := range notices {
		all = f.Keys(all[:0], &notices[i])
		for _, key := range all {
			if _, repeated := known[key]; !repeated {
				known[key] = struct{}{}
				keys = append(keys, key)
			}
		}
	}
	f.Cache.Invalidate(context.Background(), keys...)
}

// Lost implements [notify.Subscriber].
func (f Follower) Lost() { f.Cache.DropAll() }
