// Package redisclient opens Redis clients from addresses: one server, a cluster, or
// servers watched by sentinels.
package redisclient

import (
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// The library writes a line to standard error for each failed dial, thousands a second
// while Redis is down. Callers report what concerns them.
func init() { logging.Disable() }

// Open returns a client for the address. It does not dial: the first command does.
//
//	redis://user:password@host:6379/0             one server; rediss:// uses TLS
//	redis+cluster://user:password@host:6379?addr=host2:6379
//	redis+sentinel://user:password@host:26379/0?master_name=main&addr=host2:26379
//
// Query parameters set pool sizes and timeouts; they are named as in go-redis'
// ParseURL. Timeouts follow the context of each call, and where its span is recorded, a command is one below it.
func Open(address string) (redis.UniversalClient, error) {
	client, err := open(address)
	if err == nil {
		client.AddHook(spans{})
	}
	return client, err
}

func open(address string) (redis.UniversalClient, error) {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		return nil, errors.New("redis address: it must start with redis://, rediss://, redis+cluster:// or redis+sentinel://")
	}
	base, kind, _ := strings.Cut(scheme, "+")
	if base != "redis" && base != "rediss" {
		return nil, fmt.Errorf("redis address: unknown scheme %q", scheme)
	}
	plain := base + "://" + rest
	switch kind {
	case "":
		opts, err := redis.ParseURL(plain)
		if err != nil {
			return nil, redact(err)
		}
		opts.ContextTimeoutEnabled = true
		return redis.NewClient(opts), nil
	case "cluster":
		opts, err := redis.ParseClusterURL(plain)
		if err != nil {
			return nil, redact(err)
		}
		opts.ContextTimeoutEnabled = true
		return redis.NewClusterClient(opts), nil
	case "sentinel":
		opts, err := redis.ParseFailoverURL(plain)
		if err != nil {
			return nil, redact(err)
		}
		opts.ContextTimeoutEnabled = true
		return redis.NewFailoverClient(opts), nil
	default:
		return nil, fmt.Errorf("redis address: unknown scheme %q", scheme)
	}
}

// redact drops the address from a parse error: it can hold a password.
func redact(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return fmt.Errorf("redis address: %w", inner)
	}
	return fmt.Errorf("redis address: %w", err)
}
