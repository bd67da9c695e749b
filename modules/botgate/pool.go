package botgate

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/open"
	"github.com/botgate/botgate/internal/redisclient"
)

// The pools outlive a configuration: during a reload the old and the new one hold the
// same client, and it is closed when the last one lets go.
var (
	redisPool = caddy.NewUsagePool()
	queuePool = caddy.NewUsagePool()
)

// sharedRedis is a Redis client in the pool.
type sharedRedis struct{ client redis.UniversalClient }

// Destruct closes the client.
func (s *sharedRedis) Destruct() error { return s.client.Close() }

func acquireRedis(address string) (*sharedRedis, error) {
	value, _, err := redisPool.LoadOrNew(address, func() (caddy.Destructor, error) {
		client, err := redisclient.Open(address)
		if err != nil {
			return nil, err
		}
		return &sharedRedis{client: client}, nil
	})
	if err != nil {
		return nil, fmt.Errorf("option redis (BOTGATE_REDIS_URL): %w", err)
	}
	return value.(*sharedRedis), nil
}

func releaseRedis(address string) error {
	_, err := redisPool.Delete(address)
	return err
}

// sharedQueue is a queue in the pool. It is opened at first use and not when the
// configuration is read, since validating one must not touch the queue.
type sharedQueue struct {
	address, history string
	logger           *slog.Logger

	mu     sync.Mutex
	opened queue.Queue
	closed bool
}

func (s *sharedQueue) open() (queue.Queue, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, queue.ErrClosed
	}
	if s.opened == nil {
		// The queue lives as long as the pool holds it, not as long as one configuration.
		q, err := open.Open(context.Background(), s.address, open.Options{History: s.history, Logger: s.logger})
		if err != nil {
			return nil, fmt.Errorf("option queue (BOTGATE_QUEUE_URL): %w", err)
		}
		s.opened = q
	}
	return s.opened, nil
}

// Destruct closes the queue if it was opened.
func (s *sharedQueue) Destruct() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.opened == nil {
		return nil
	}
	return s.opened.Close()
}

func acquireQueue(address, history string, logger *slog.Logger) (*sharedQueue, error) {
	if err := open.Check(address); err != nil {
		return nil, fmt.Errorf("option queue (BOTGATE_QUEUE_URL): %w", err)
	}
	if err := open.CheckHistory(history); err != nil {
		return nil, fmt.Errorf("option history (BOTGATE_HISTORY): %w", err)
	}
	value, _, err := queuePool.LoadOrNew(queueKey(address, history), func() (caddy.Destructor, error) {
		return &sharedQueue{address: address, history: history, logger: logger}, nil
	})
	if err != nil {
		return nil, err
	}
	return value.(*sharedQueue), nil
}

// queueKey names a queue in the pool. A setting has no NUL.
func queueKey(address, history string) string { return address + "\x00" + history }

func releaseQueue(address, history string) error {
	_, err := queuePool.Delete(queueKey(address, history))
	return err
}
