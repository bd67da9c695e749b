package sqlite

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/botgate/botgate/internal/queue"
)

// Config says where the queue lives and how it behaves.
type Config struct {
	// Path is the file of the queue. Beside it SQLite keeps "<path>-wal" and
	// "<path>-shm", and every consumer a lock file "<path>-owner-<number>". All of them
	// must be on a local disk: processes of one machine may share the queue, machines may
	// not. A missing folder is created (mode 0700), the files get mode 0600, also where
	// they had a wider one. Required.
	Path string
	// RepeatWindow is how long an id is remembered after its event was accepted: a repeat
	// within it is confirmed without being queued again. Default 24h.
	RepeatWindow time.Duration
	// MaxBatch bounds the rows that one transaction, and so one fsync, is made for; a
	// single call may exceed it. Default 1024.
	MaxBatch int
	// PrefetchBytes bounds the bodies of the deliveries that a consumer holds unsettled, in
	// addition to [queue.SubscribeOptions]; it is exceeded by one event at most, so that one
	// of any size fits. Default 64 MiB.
	PrefetchBytes int64
	// BusyTimeout is how long a write waits for another process that writes, before it
	// fails with [queue.ErrUnavailable]. Default 5s.
	BusyTimeout time.Duration
	// History says how much is kept in the file to be replayed; see [Queue.ReadHistory]. The
	// file grows by that and does not shrink again. Every process that has the file open
	// should have the same. Default: nothing is kept.
	History queue.Retention
	// MaxBytes bounds the file: beyond it, what History keeps left out, no more events are taken until
	// some were delivered. It may be exceeded by what is published within a second. Default: no bound.
	MaxBytes int64
	// Guest leaves to other processes how much history is kept: nothing is taken out. For
	// commands, which may not know the configuration of the others.
	Guest bool
	// Logger gets what no call returns. Default: nothing is logged.
	Logger *slog.Logger
}

// withDefaults fills in what is not set, and makes the path independent of the working directory.
func (c Config) withDefaults() (Config, error) {
	if c.Path == "" {
		return c, errors.New("the path of the queue file is empty")
	}
	path, err := filepath.Abs(c.Path)
	if err != nil {
		return c, fmt.Errorf("finding the queue file %s: %w", c.Path, err)
	}
	c.Path = path
	c.RepeatWindow = cmp.Or(max(c.RepeatWindow, 0), 24*time.Hour)
	c.MaxBytes = max(c.MaxBytes, 0)
	c.MaxBatch = cmp.Or(max(c.MaxBatch, 0), 1024)
	c.PrefetchBytes = cmp.Or(max(c.PrefetchBytes, 0), 64<<20)
	c.BusyTimeout = cmp.Or(max(c.BusyTimeout, 0), 5*time.Second)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return c, nil
}
