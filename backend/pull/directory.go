package pull

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/internal/recurring"
	"github.com/botgate/botgate/internal/retry"
)

const (
	// redisKey has the processes with a ledger, as "<process> <address> <number>", by when they are forgotten.
	redisKey = "botgate:pull"
	// announceEvery is how often a process says that it is there, and listedFor how long it counts after that.
	announceEvery = 2 * time.Second
	listedFor     = 15 * time.Second
	// lookTimeout bounds one look.
	lookTimeout = 2 * time.Second
)

// announce puts a process, empty for none, into the list for some milliseconds, and returns all that are in it. The
// clock is that of Redis: those of processes may differ.
var announce = redis.NewScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[1] ~= '' then
	redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
return redis.call('ZRANGE', KEYS[1], 0, -1)
`)

// Local is the owners where there is one ledger alone.
type Local struct{ Ledger *Ledger }

// All implements [Owners].
func (l Local) All() map[string]Owner { return map[string]Owner{l.Ledger.Process(): l.Ledger} }

// DirectoryConfig is what a [Directory] is made of.
type DirectoryConfig struct {
	// Redis has the list. Required.
	Redis redis.UniversalClient
	// Ledger is that of this process; nil where it has none.
	Ledger *Ledger
	// Address is where other processes reach this one, host:port. Default: they don't.
	Address string
	// Secret is shown to other processes; empty for none. Required.
	Secret func() string
	// Logger gets what keeps processes from each other. Default: discard.
	Logger *slog.Logger
}

// Directory is the owners of several processes, which find each other through Redis. While that is away the last ones
// stay known.
type Directory struct {
	cfg    DirectoryConfig
	client *http.Client
	// entry is this process in the list; empty for one without a ledger. It has a number of its own, since a process may
	// have two directories for a moment, of which one takes out what is its own.
	entry  string
	owners atomic.Pointer[map[string]Owner]

	mu      sync.Mutex
	trouble recurring.Count
}

// NewDirectory returns a directory that knows of this process alone until [Directory.Run].
func NewDirectory(cfg DirectoryConfig) *Directory {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	// Proxies of the environment are not for this: processes reach each other.
	transport := &http.Transport{MaxIdleConnsPerHost: maxReceives, IdleConnTimeout: time.Minute, ResponseHeaderTimeout: time.Minute}
	d := &Directory{cfg: cfg, client: &http.Client{Transport: transport}}
	if cfg.Ledger != nil && cfg.Address != "" {
		d.entry = strings.Join([]string{cfg.Ledger.Process(), cfg.Address, rand.Text()}, " ")
	}
	d.owners.Store(new(d.among(nil)))
	return d
}

// All implements [Owners].
func (d *Directory) All() map[string]Owner { return *d.owners.Load() }

// Run announces this process and follows the others, until ctx ends; then it takes itself out of the list.
func (d *Directory) Run(ctx context.Context) error {
	for well := true; ; {
		err := d.Refresh(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil && well:
			d.cfg.Logger.Warn("it can't be found out who delivers, those known stay so", slog.Any("error", err))
		case err == nil && !well:
			d.cfg.Logger.Info("it can be found out again who delivers")
		}
		if well = err == nil; !retry.Sleep(ctx, announceEvery) {
			d.leave(context.WithoutCancel(ctx))
			return nil
		}
	}
}

// Refresh does so once.
func (d *Directory) Refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	found, err := announce.Run(ctx, d.cfg.Redis, []string{redisKey}, d.entry, listedFor.Milliseconds()).StringSlice()
	if err != nil {
		return fmt.Errorf("listing those who deliver: %w", err)
	}
	d.owners.Store(new(d.among(found)))
	return nil
}

// leave has other processes know that this one ends.
func (d *Directory) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	if d.entry != "" {
		_ = d.cfg.Redis.ZRem(ctx, redisKey, d.entry).Err() // It is forgotten by itself, too.
	}
	d.client.CloseIdleConnections()
}

// among are the owners in a list; this process is one of its own accord.
func (d *Directory) among(list []string) map[string]Owner {
	owners := map[string]Owner{}
	for _, entry := range list {
		if parts := strings.Fields(entry); len(parts) == 3 {
			owners[parts[0]] = &peer{parts[0], parts[1], d.client, d.cfg.Secret, d.complain}
		}
	}
	if d.cfg.Ledger != nil {
		owners[d.cfg.Ledger.Process()] = d.cfg.Ledger
	}
	return owners
}

// complain tells the operator, for pollers wait in vain for what that process has.
func (d *Directory) complain(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if times, isDue := d.trouble.Again(time.Now()); isDue {
		d.cfg.Logger.Warn("a process that delivers can't be asked for the events of bots that pull", slog.Any("error", err), slog.Int("times", times))
	}
}
