// Package redis keeps sessions in Redis, which ends them by itself.
package redis

import (
	"context"
	_ "embed"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/backend/session"
)

//go:embed store.lua
var storeSource string

//go:embed remove.lua
var removeSource string

var (
	storeScript  = redis.NewScript(storeSource)
	removeScript = redis.NewScript(removeSource)
)

// removeChunk bounds the keys of one script, which holds up everybody else.
const removeChunk = 100

var _ session.Engine = (*Engine)(nil)

// Engine is a [session.Engine] in Redis. It does not close its client.
type Engine struct {
	client redis.UniversalClient
	prefix string
}

// New returns the sessions in that Redis, which may be a cluster. All keys begin with the
// prefix, such as "botgate:session:". It does not dial. A Redis that evicts keys may forget
// sessions before their time.
func New(client redis.UniversalClient, prefix string) *Engine {
	return &Engine{client: client, prefix: prefix}
}

// Keys of one user share a slot of a cluster. Escaping leaves letters, digits and "-_.~"
// as they are, so that no name gets out of its part of a key.
func (e *Engine) userKey(user string) string { return e.prefix + "{" + url.QueryEscape(user) + "}" }

func (e *Engine) key(k session.Key) string { return e.userKey(k.User) + ":" + url.QueryEscape(k.Bot) }

// failed is how everything ends that Redis refuses: no session is itself the reason.
func failed(action string, err error) error {
	return fmt.Errorf("%s: %w: %w", action, session.ErrUnavailable, err)
}

// fields are those of a session's hash.
type fields struct {
	Version string `redis:"version"`
	Data    []byte `redis:"data"`
	Updated int64  `redis:"updated"`
	Expires int64  `redis:"expires"`
}

// Load implements [session.Engine].
func (e *Engine) Load(ctx context.Context, key session.Key, at time.Time) (*session.Session, error) {
	var f fields
	if err := e.client.HGetAll(ctx, e.key(key)).Scan(&f); err != nil {
		return nil, failed("reading a session", err)
	}
	if f.Version == "" || f.Expires <= at.UnixMicro() {
		return nil, session.ErrNotFound
	}
	return &session.Session{
		Key: key, Version: f.Version, Data: f.Data,
		UpdatedAt: time.UnixMicro(f.Updated).UTC(), ExpiresAt: time.UnixMicro(f.Expires).UTC(),
	}, nil
}

// Store implements [session.Engine].
func (e *Engine) Store(ctx context.Context, next *session.Session, was string) error {
	updated, expires := next.UpdatedAt.UnixMicro(), next.ExpiresAt.UnixMicro()
	written, err := storeScript.Run(ctx, e.client, []string{e.key(next.Key), e.userKey(next.User)},
		was, next.Version, next.Data, strconv.FormatInt(updated, 10), strconv.FormatInt(expires, 10),
		(expires-updated+999)/1000, next.Bot).Bool()
	return conflict("writing a session", written, err)
}

// Remove implements [session.Engine].
func (e *Engine) Remove(ctx context.Context, key session.Key, was string) error {
	removed, err := removeScript.Run(ctx, e.client, []string{e.userKey(key.User), e.key(key)}, was, key.Bot).Bool()
	return conflict("removing a session", removed, err)
}

func conflict(action string, done bool, err error) error {
	switch {
	case err != nil:
		return failed(action, err)
	case !done:
		return session.ErrConflict
	}
	return nil
}

// Bots implements [session.Engine].
func (e *Engine) Bots(ctx context.Context, user string) ([]string, error) {
	bots, err := e.client.SMembers(ctx, e.userKey(user)).Result()
	if err != nil {
		return nil, failed("listing sessions", err)
	}
	return bots, nil
}

// RemoveUser implements [session.Engine]. When it fails half-way, the rest is still listed.
func (e *Engine) RemoveUser(ctx context.Context, user string) error {
	bots, err := e.Bots(ctx, user)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(bots, removeChunk) {
		keys, args := []string{e.userKey(user)}, []any{""}
		for _, bot := range chunk {
			keys, args = append(keys, e.key(session.Key{Bot: bot, User: user})), append(args, bot)
		}
		if err := removeScript.Run(ctx, e.client, keys, args...).Err(); err != nil {
			return failed("removing a user's sessions", err)
		}
	}
	return nil
}

// Sweep implements [session.Engine]. There is nothing to do.
func (e *Engine) Sweep(context.Context, time.Time, int) (int, error) { return 0, nil }

// Ready implements [session.Engine].
func (e *Engine) Ready(ctx context.Context) error {
	if err := e.client.Ping(ctx).Err(); err != nil {
		return failed("reading sessions", err)
	}
	return nil
}
