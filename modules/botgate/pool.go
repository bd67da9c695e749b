package botgate

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/open"
	"github.com/botgate/botgate/internal/queue/spool"
	"github.com/botgate/botgate/internal/redisclient"
)

// The pools outlive a configuration: during a reload the old and the new one hold the
// same value, and it is closed when the last one lets go.
var (
	redisPool = caddy.NewUsagePool()
	queuePool = caddy.NewUsagePool()
	spoolPool = caddy.NewUsagePool()
)

// lazy is a value in a pool that is opened at first use and not when the configuration is read,
// since validating one must not touch files or brokers.
type lazy[T io.Closer] struct {
	open func() (T, error)

	mu             sync.Mutex
	value          T
	opened, closed bool
}

// get returns the value, opened; after an error the next call tries again.
func (l *lazy[T]) get() (value T, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return value, queue.ErrClosed
	}
	if !l.opened {
		if value, err = l.open(); err != nil {
			return value, err
		}
		l.value, l.opened = value, true
	}
	return l.value, nil
}

// Destruct closes the value if it was opened.
func (l *lazy[T]) Destruct() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if !l.opened {
		return nil
	}
	return l.value.Close()
}

// acquire takes hold of the value under a key.
func acquire[T io.Closer](pool *caddy.UsagePool, key string, open func() (T, error)) (*lazy[T], error) {
	value, _, err := pool.LoadOrNew(key, func() (caddy.Destructor, error) { return &lazy[T]{open: open}, nil })
	if err != nil {
		return nil, err
	}
	return value.(*lazy[T]), nil
}

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

func acquireQueue(address, history string, logger *slog.Logger) (*lazy[queue.Queue], error) {
	if err := open.Check(address); err != nil {
		return nil, fmt.Errorf("option queue (BOTGATE_QUEUE_URL): %w", err)
	}
	if err := open.CheckHistory(history); err != nil {
		return nil, fmt.Errorf("option history (BOTGATE_HISTORY): %w", err)
	}
	return acquire(queuePool, queueKey(address, history), func() (queue.Queue, error) {
		// The queue lives as long as the pool holds it, not as long as one configuration.
		q, err := open.Open(context.Background(), address, open.Options{History: history, Logger: logger})
		if err != nil {
			return nil, fmt.Errorf("option queue (BOTGATE_QUEUE_URL): %w", err)
		}
		return q, nil
	})
}

// queueKey names a queue in the pool. A setting has no NUL.
func queueKey(address, history string) string { return address + "\x00" + history }

func releaseQueue(address, history string) error {
	_, err := queuePool.Delete(queueKey(address, history))
	return err
}

// acquireSpool takes hold of a spool: a file that is drained over a reload must not be opened
// twice.
func acquireSpool(path string, logger *slog.Logger) (*lazy[*spool.Spool], error) {
	return acquire(spoolPool, path, func() (*spool.Spool, error) {
		opened, err := spool.Open(context.Background(), spool.Config{Path: path, Logger: logger})
		if err != nil {
			return nil, fmt.Errorf("option spool (BOTGATE_SPOOL): %w", err)
		}
		return opened, nil
	})
}

func releaseSpool(path string) error {
	_, err := spoolPool.Delete(path)
	return err
}
