package bottoken

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/botgate/botgate/internal/background"
	"github.com/botgate/botgate/internal/filelock"
)

// lookInterval is how often the folder is looked at, for keys that are due and for what
// other processes did. Every overlap is longer.
const lookInterval = 10 * time.Second

// keyring has the keys of a folder, which several processes may share, and rotates them.
// It may be used concurrently.
type keyring struct {
	*background.Tasks
	folder   string
	schedule schedule
	logger   *slog.Logger
	current  atomic.Pointer[keys]
}

// keys is what the folder held when it was looked at last.
type keys struct {
	private []key
	public  []byte
}

// openKeyring makes the folder and the first key where they are missing, and then looks
// after the keys until Close.
func openKeyring(ctx context.Context, folder string, s schedule, logger *slog.Logger) (*keyring, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	r := &keyring{folder: folder, schedule: s, logger: logger, Tasks: background.New()}
	if err := r.look(ctx); err != nil {
		return nil, err
	}
	r.Every(lookInterval, r.follow)
	return r, nil
}

// signer returns the key that signs now, also after Close.
func (r *keyring) signer(now time.Time) key { return signing(r.current.Load().private, now) }

// published returns the JSON Web Key Set (RFC 7517) of all keys that verify tokens.
func (r *keyring) published() []byte { return r.current.Load().public }

func (r *keyring) follow(ctx context.Context) {
	if err := r.look(ctx); err != nil && ctx.Err() == nil {
		rotationErrorsTotal.Inc()
		r.logger.ErrorContext(ctx, "keys could not be looked after, the ones that were there sign on",
			slog.String("folder", r.folder), slog.Any("error", err))
	}
}

// look reads the keys and does what is due.
func (r *keyring) look(ctx context.Context) (err error) {
	held, err := filelock.Lock(ctx, filepath.Join(r.folder, lockFile))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.Close()) }()
	private, err := readKeys(r.folder)
	if err != nil {
		return err
	}
	// Whole seconds are what tokens and files count in.
	private = r.schedule.next(private, time.Now().Truncate(time.Second), r.generate)
	public, err := writeKeys(r.folder, private)
	if err != nil {
		return fmt.Errorf("writing the keys: %w", err)
	}
	r.current.Store(&keys{private, public})
	return nil
}

func (r *keyring) generate() key {
	seed := make([]byte, 32)
	_, _ = rand.Read(seed) // It never fails: see its documentation.
	made := newKey(seed)
	r.logger.Info("a new key was made", slog.String("folder", r.folder), slog.String("kid", made.id))
	return made
}
