package botgate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/botgate/botgate/internal/filelock"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/spool"
)

// What on_broker_error can be.
const (
	onBrokerErrorSpool  = "spool"
	onBrokerErrorReject = "reject"
)

// spoolFile is the spool's file in the data folder.
const spoolFile = "spool.db"

const (
	// maxAge is the largest max_age.
	maxAge = 10 * 365 * 24 * time.Hour
	// lockWait is how long a start waits for the file of a gateway that is about to end.
	lockWait = time.Second
)

// Spool says where and how much is spooled while RabbitMQ takes no events. When it is full
// or too old, events are refused with 503; what is in it is never dropped.
type Spool struct {
	// Path is the spool's file, which no other process may have. Default: <data>/spool.db.
	Path string `json:"path,omitempty"`

	// MaxSize bounds what the events in the spool take, in bytes. Default: 1 GB.
	MaxSize int64 `json:"max_size,omitempty"`

	// MaxAge bounds the age of the oldest event in the spool. Default: 24h.
	MaxAge caddy.Duration `json:"max_age,omitempty"`
}

// spoolPool shares the spools as queuePool shares the queues: a file that is drained over a
// reload must not be opened twice.
var spoolPool = caddy.NewUsagePool()

// sharedSpool is a spool in the pool, opened at first use.
type sharedSpool struct {
	path   string
	logger *slog.Logger

	mu     sync.Mutex
	opened *spool.Spool
	closed bool
}

// open waits for another process that has the file, but not long, see [spool.Config].
func (s *sharedSpool) open(ctx context.Context) (*spool.Spool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, queue.ErrClosed
	}
	if s.opened == nil {
		opened, err := spool.Open(ctx, spool.Config{Path: s.path, LockWait: lockWait, Logger: s.logger})
		if err != nil {
			return nil, fmt.Errorf("option spool (BOTGATE_SPOOL): %w", err)
		}
		s.opened = opened
	}
	return s.opened, nil
}

// Destruct closes the spool if it was opened.
func (s *sharedSpool) Destruct() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.opened == nil {
		return nil
	}
	return s.opened.Close()
}

// provisionSpool checks the options and takes hold of the shared spool.
func (a *App) provisionSpool() error {
	switch a.OnBrokerError {
	case "":
		a.OnBrokerError = onBrokerErrorSpool
	case onBrokerErrorSpool, onBrokerErrorReject:
	default:
		return fmt.Errorf("option on_broker_error: %q is neither spool nor reject", a.OnBrokerError)
	}
	if a.Spool.MaxSize < 0 || a.Spool.MaxAge < 0 {
		return errors.New("option spool: max_size and max_age must be positive")
	}
	if a.Spool.Path == "" {
		a.Spool.Path = filepath.Join(a.Data, spoolFile)
	}
	path, err := filepath.Abs(a.Spool.Path)
	if err != nil {
		return fmt.Errorf("option spool: %w", err)
	}
	a.Spool.Path = path
	value, _, err := spoolPool.LoadOrNew(path, func() (caddy.Destructor, error) {
		return &sharedSpool{path: path, logger: a.logger}, nil
	})
	if err != nil {
		return err
	}
	a.spool = value.(*sharedSpool)
	return nil
}

// withSpool puts the spool before a broker. Where nothing is to be spooled there is none,
// unless events are left in its file from before: they go to the queue that is there now.
func (a *App) withSpool(broker queue.Queue) (queue.Queue, error) {
	rejects := a.OnBrokerError == onBrokerErrorReject || strings.HasPrefix(a.QueueURL, "sqlite:")
	if _, err := os.Stat(a.Spool.Path); rejects && errors.Is(err, fs.ErrNotExist) {
		return broker, nil
	}
	opened, err := a.spool.open(context.Background())
	switch {
	case rejects && errors.Is(err, filelock.ErrHeld):
		return broker, nil // The gateway that holds it drains it.
	case errors.Is(err, filelock.ErrHeld):
		return a.awaitSpool(broker), nil
	case err != nil:
		return nil, err
	}
	a.spooling = opened.Queue(broker, a.spoolOptions(rejects))
	return a.spooling, nil
}

func (a *App) spoolOptions(rejects bool) spool.Options {
	return spool.Options{Reject: rejects, MaxBytes: a.Spool.MaxSize, MaxAge: time.Duration(a.Spool.MaxAge)}
}

// releaseSpool ends the draining to this configuration's broker and lets the spool go. What
// is in it is drained to the next configuration's, or after the next start.
func (a *App) releaseSpool() error {
	a.mu.Lock()
	stopWaiting := a.stopWaiting
	a.mu.Unlock()
	if stopWaiting != nil {
		stopWaiting()
		a.waiting.Wait()
	}
	a.mu.Lock()
	used := a.spooling
	a.mu.Unlock()
	var err error
	if used != nil {
		err = used.Close()
	}
	_, deleteErr := spoolPool.Delete(a.Spool.Path)
	return errors.Join(err, deleteErr)
}

// Spooling reports whether accepted events wait in the spool.
func (a *App) Spooling() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.spooling != nil && a.spooling.Spooling()
}
