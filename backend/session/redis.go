package session

import (
	"context"
	_ "embed"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

//go:embed redis_store.lua
var storeSource string

//go:embed redis_remove.lua
var removeSource string

var (
	storeScript  = redis.NewScript(storeSource)
	removeScript = redis.NewScript(removeSource)
)

const (
	// removeChunk bounds the keys of one script, which holds up everybody else.
	removeChunk = 100
	// callTimeout bounds each call, retries included: requests of a Redis that hangs get their answer soon.
	callTimeout = time.Second
)

var _ Engine = (*Redis)(nil)

// Redis is an [Engine] in Redis, which removes expired sessions itself. It does not close its client.
type Redis struct {
	client redis.UniversalClient
	prefix string
}

// NewRedis returns the sessions in that Redis, which may be a cluster. All keys begin with the
// prefix, such as "botgate:session:". It does not dial. A Redis that evicts keys may forget
// sessions before their time.
func NewRedis(client redis.UniversalClient, prefix string) *Redis {
	return &Redis{client: client, prefix: prefix}
}

// failed wraps an error of Redis: no session is itself the reason. It passes nil.
func failed(action string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w: %w", action, ErrUnavailable, err)
}

// Keys of one user share a slot of a cluster. Escaping leaves letters, digits and "-_.~"
// as they are, so that no name gets out of its part of a key.
func (e *Redis) userKey(user string) string { return e.prefix + "{" + url.QueryEscape(user) + "}" }

func (e *Redis) key(k Key) string { return e.userKey(k.User) + ":" + url.QueryEscape(k.Bot) }

// fields are those of a session's hash.
type fields struct {
	Version string `redis:"version"`
	Data    []byte `redis:"data"`
	Updated int64  `redis:"updated"`
	Expires int64  `redis:"expires"`
}

// Load implements [Engine].
func (e *Redis) Load(ctx context.Context, key Key, at time.Time) (*Session, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var f fields
	if err := e.client.HGetAll(ctx, e.key(key)).Scan(&f); err != nil {
		return nil, failed("reading a session", err)
	}
	if f.Version == "" || f.Expires <= at.UnixMicro() {
		return nil, ErrNotFound
	}
	return &Session{
		Key: key, Version: f.Version, Data: f.Data,
		UpdatedAt: time.UnixMicro(f.Updated).UTC(), ExpiresAt: time.UnixMicro(f.Expires).UTC(),
	}, nil
}

// Store implements [Engine].
func (e *Redis) Store(ctx context.Context, next *Session, was string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	updated, expires := next.UpdatedAt.UnixMicro(), next.ExpiresAt.UnixMicro()
	written, err := storeScript.Run(ctx, e.client, []string{e.key(next.Key), e.userKey(next.User)},
		was, next.Version, []byte(next.Data), strconv.FormatInt(updated, 10), strconv.FormatInt(expires, 10),
		(expires-updated+999)/1000, next.Bot).Bool()
	return conflict("writing a session", written, err)
}

// Remove implements [Engine].
func (e *Redis) Remove(ctx context.Context, key Key, was string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	removed, err := removeScript.Run(ctx, e.client, []string{e.userKey(key.User), e.key(key)}, was, key.Bot).Bool()
	return conflict("removing a session", removed, err)
}

func conflict(action string, done bool, err error) error {
	if err == nil && !done {
		return ErrConflict
	}
	return failed(action, err)
}

// Bots implements [Engine].
func (e *Redis) Bots(ctx context.Context, user string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	bots, err := e.client.SMembers(ctx, e.userKey(user)).Result()
	return bots, failed("listing sessions", err)
}

// RemoveUser implements [Engine]. When it fails half-way, the rest is still listed.
func (e *Redis) RemoveUser(ctx context.Context, user string) error {
	bots, err := e.Bots(ctx, user)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(bots, removeChunk) {
		if err := e.removeBots(ctx, user, chunk); err != nil {
			return err
		}
	}
	return nil
}

// removeBots removes a user's sessions at some bots.
func (e *Redis) removeBots(ctx context.Context, user string, bots []string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	keys, args := []string{e.userKey(user)}, []any{""}
	for _, bot := range bots {
		keys, args = append(keys, e.key(Key{Bot: bot, User: user})), append(args, bot)
	}
	return failed("removing a user's sessions", removeScript.Run(ctx, e.client, keys, args...).Err())
}

// Sweep implements [Engine]. There is nothing to do.
func (e *Redis) Sweep(context.Context, time.Time, int) (int, error) { return 0, nil }

// Ready implements [Engine].
func (e *Redis) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return failed("reading sessions", e.client.Ping(ctx).Err())
}
